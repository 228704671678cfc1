"""The file of a checkpoint: arrays in the safetensors format, numbers as JSON in its metadata.

It is read by hand, as each length in it is checked before it is used, and written by hand, as the
safetensors library goes through a temporary file of its own. `docs/checkpoints.md` has the format.
"""

import json
import os
import stat
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from portanet._version import __version__
from portanet.atomic_file import FilePath, replace_file
from portanet.checkpoint_header import (
    DTYPES,
    Entry,
    checksum,
    header_bytes,
    parsed,
    read_header,
)
from portanet.errors import ArgumentError, CheckpointError, short
from portanet.typing import Array

FORMAT = "portanet checkpoint 2"
WITHOUT_CHECKSUM = "portanet checkpoint 1"

Numbers = dict[str, dict[str, Any]]


def check_target(path: FilePath) -> None:
    """Raise FileNotFoundError or IsADirectoryError unless a file can be made at this path."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"save: {path} must be a file, is a folder; name a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"save: there is no folder {target.parent}; make it first, or give another path than "
            f"{path}"
        )


class Content(NamedTuple):
    """What a checkpoint holds: arrays on the host, numbers of its parts, what a user has added.

    `architecture` is the JSON that a model is rebuilt from, None in files that have none.
    """

    arrays: dict[str, Array]
    numbers: Numbers
    extra: Any
    architecture: str | None


def write(
    path: FilePath, arrays: dict[str, Any], numbers: Any, extra: Any, architecture: Any
) -> None:
    """Write a checkpoint; an older file is replaced only once the new one is complete.

    A symbolic link is followed. Raises OSError, with the path, if the file cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES.values():
            raise ArgumentError(f"save: {name} has the dtype {array.dtype}, which no file can hold")
    # large numbers first, so that each array is aligned; all of them little-endian
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    arrays = {n: arrays[n].astype(arrays[n].dtype.newbyteorder("<"), copy=False) for n in names}
    metadata = {"format": FORMAT, "portanet": __version__, "numbers": _json("states", numbers)}
    metadata["extra"] = _json("extra", extra)
    metadata["architecture"] = _json("architecture", architecture)
    told = {name: (a.dtype.name, a.shape, zlib.crc32(_bytes(a))) for name, a in arrays.items()}
    metadata["checksum"] = checksum(told, metadata)
    try:
        header = header_bytes(arrays, metadata)
    except CheckpointError as error:
        raise CheckpointError(f"save: {path} was not written: {error}") from error

    def fill(file: IO[bytes]) -> None:
        file.write(header)
        for array in arrays.values():
            file.write(_bytes(array))

    replace_file("save", path, fill)


def read(path: FilePath, who: str = "load") -> Content:
    """Return what a checkpoint holds.

    Raises FileNotFoundError without a file, CheckpointError if it is damaged or no checkpoint.
    """
    with _opened(path, who) as file:
        try:
            return _content(file, os.fstat(file.fileno()).st_size)
        except CheckpointError as error:
            raise CheckpointError(
                f"{who}: {path} is damaged or not a checkpoint: {error}; it must be one that "
                "portanet.save(path, model) has written; load an older one"
            ) from error


def _opened(path: FilePath, who: str) -> IO[bytes]:
    """Open a regular file. Others are refused: a pipe or a device may keep the reader waiting."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{who}: there is no file {path}; portanet.save(path, model) writes one"
        ) from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{who}: {path} must be a file, is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        raise CheckpointError(f"{who}: {path} must be a regular file, is a pipe or a device")
    return open(path, "rb", opener=_without_waiting)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _content(file: IO[bytes], size: int) -> Content:
    entries, metadata = read_header(file, size)
    version = metadata.get("format", "some other file")
    if version not in (FORMAT, WITHOUT_CHECKSUM):
        raise CheckpointError(f"it must be a {FORMAT!r}, is {short(version)}")
    arrays = {entry.name: _array(file, entry) for entry in entries}
    if version == FORMAT or "checksum" in metadata:
        _check_sum(arrays, metadata)
    extra = parsed("extra", metadata.get("extra", "null"))
    return Content(arrays, _numbers(metadata), extra, metadata.get("architecture"))


def _array(file: IO[bytes], entry: Entry) -> np.ndarray:
    array = np.empty(entry.shape, np.dtype(entry.dtype).newbyteorder("<"))
    content = _bytes(array)
    if file.readinto(content) != len(content):  # type: ignore[attr-defined]
        raise CheckpointError(f"array {short(entry.name)} ends early")
    if entry.dtype == "bool" and (array.view(np.uint8) > 1).any():
        raise CheckpointError(f"array {short(entry.name)} must be of 0 and 1, has other bytes")
    return array


def _bytes(array: np.ndarray) -> memoryview:
    """Return the bytes of an array, not copied."""
    return array.reshape(-1).view(np.uint8).data


def _check_sum(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    told = {name: (a.dtype.name, a.shape, zlib.crc32(_bytes(a))) for name, a in arrays.items()}
    found, wanted = checksum(told, metadata), metadata.get("checksum")
    if found != wanted:
        raise CheckpointError(
            f"it has changed since it was written: its checksum must be {found}, is {short(wanted)}"
        )


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"save: {name} must be what JSON can hold (numbers, text, lists, dicts): {error}; an "
            "object with state() and load_state(state) is saved as a part, name=object"
        ) from error


def _numbers(metadata: Mapping[str, str]) -> Numbers:
    numbers = parsed("numbers", metadata.get("numbers", ""))
    if not isinstance(numbers, dict) or not all(isinstance(n, dict) for n in numbers.values()):
        raise CheckpointError(f"its numbers must be a dict for each part, are {short(numbers)}")
    return numbers
