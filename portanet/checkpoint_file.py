"""The file of a checkpoint: arrays in the safetensors format, numbers as JSON in its metadata."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portanet._version import __version__
from portanet.errors import ArgumentError, DataError, short
from portanet.typing import Array

FORMAT = "portanet checkpoint 1"

FilePath = str | os.PathLike[str]


def check_target(path: FilePath) -> None:
    """Raise FileNotFoundError or IsADirectoryError unless a file can be made at this path."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"save: {path} must be a file, is a folder; name a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {target.parent}; make it first")


def write(path: FilePath, arrays: dict[str, Any], numbers: Any, extra: Any) -> None:
    """Write a checkpoint; an older file is replaced only once the new one is complete.

    A symbolic link is followed. Raises OSError, with the path, if the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    metadata = {"format": FORMAT, "portanet": __version__, "numbers": _json("states", numbers)}
    metadata["extra"] = _json("extra", extra)
    target = os.path.realpath(path)
    partial = f"{target}.{os.getpid()}.partial"
    try:
        save_file(arrays, partial, metadata)
        os.replace(partial, target)
    except (SafetensorError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error).replace(partial, str(path))
        raise OSError(
            f"save: {path} could not be written: {reason}; an older file there is unchanged"
        ) from error
    finally:
        Path(partial).unlink(missing_ok=True)


def read(path: FilePath) -> tuple[dict[str, Array], dict[str, dict[str, Any]], Any]:
    """Return the arrays of a checkpoint, on the host, the numbers of its parts, and the extra.

    Raises FileNotFoundError without a file, DataError if it is damaged or not a checkpoint.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        if Path(path).is_dir():
            raise IsADirectoryError(f"load: {path} must be a file, is a folder; name a file in it")
        raise FileNotFoundError(
            f"load: there is no file {path}; portanet.save(path, model) writes one"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DataError(
            f"load: {path} is not a complete safetensors file: {error}; it must be one that "
            "portanet.save(path, model) has written"
        ) from error
    if metadata.get("format") != FORMAT:
        raise DataError(
            f"load: {path} must be a {FORMAT!r}, is {metadata.get('format', 'some other file')!r}; "
            "it must be one that portanet.save(path, model) has written"
        )
    return arrays, _numbers(path, metadata), _parsed(path, "extra", metadata.get("extra", "null"))


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"save: {name} must be what JSON can hold (numbers, text, lists, dicts): {error}; an "
            "object with state() and load_state(state) is saved as a part, name=object"
        ) from error


def _numbers(path: FilePath, metadata: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    numbers = _parsed(path, "numbers", metadata.get("numbers", ""))
    if not isinstance(numbers, dict) or not all(isinstance(n, dict) for n in numbers.values()):
        raise DataError(
            f"load: {path} is damaged: its numbers must be a dict for each part, are "
            f"{short(numbers)}"
        )
    return numbers


def _parsed(path: FilePath, name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"load: {path} is damaged: its {name} are not JSON: {error}") from error
