"""The header of a safetensors file, checked before anything is believed.

The file begins with the length of a JSON text (8 bytes, little-endian) and the text: for each array
its dtype, its shape and where its bytes lie in the rest of the file, and under `__metadata__` texts
by name. All of it may be wrong, by chance or on purpose, and is compared with the file's size.
"""

import json
import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import IO, Any, NamedTuple

import numpy as np

from portanet.errors import CheckpointError, short

MAX_HEADER = 100_000_000  # bytes, as in the safetensors library
_MAX_AXES = 64  # as in NumPy
_METADATA = "__metadata__"
_KINDS = {"F": "float", "I": "int", "U": "uint", "C": "complex", "BOOL": "bool"}
_SIZES = {"F": (64, 32, 16), "I": (64, 32, 16, 8), "U": (64, 32, 16, 8), "C": (64,), "BOOL": ("",)}
# "F32" -> "float32" …
DTYPES = {f"{k}{size}": f"{_KINDS[k]}{size}" for k, sizes in _SIZES.items() for size in sizes}


class Entry(NamedTuple):
    """An array in a file: its bytes are data[start:stop]."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def read_header(file: IO[bytes], size: int) -> tuple[list[Entry], dict[str, str]]:
    """Return the arrays of a file of that many bytes, as they lie, and its metadata.

    The file is at the first byte of the data then. Raises CheckpointError, with what is wrong.
    """
    n = int.from_bytes(file.read(8), "little")
    if not 2 <= n <= min(size - 8, MAX_HEADER):
        raise CheckpointError(
            f"it is not a complete safetensors file: its header must have 2 to "
            f"{min(max(size - 8, 2), MAX_HEADER)} bytes, has {n}"
        )
    header = parsed("header", file.read(n), object_pairs_hook=_distinct)
    if not isinstance(header, dict):
        raise CheckpointError(f"its header must be a dict, is {short(header)}")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise CheckpointError(f"its {_METADATA} must be a dict of texts, is {short(metadata)}")
    entries = sorted((_entry(*item) for item in header.items()), key=lambda entry: entry[3:])
    _check_places(entries, size - 8 - n)
    return entries, metadata


def header_bytes(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """Return the header of a file that has these arrays, one after the other.

    Raises CheckpointError if it would be longer than a reader accepts.
    """
    words = {dtype: word for word, dtype in DTYPES.items()}
    header: dict[str, Any] = {_METADATA: dict(metadata)}
    stop = 0
    for name, array in arrays.items():
        start, stop = stop, stop + array.nbytes
        header[name] = {
            "dtype": words[array.dtype.name], "shape": array.shape, "data_offsets": [start, stop]
        }  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the arrays begin at a multiple of 8
    if len(text) > MAX_HEADER:
        raise CheckpointError(
            f"names and numbers must have at most {MAX_HEADER} bytes, have {len(text)}; save large "
            "tables as arrays of a part"
        )
    return len(text).to_bytes(8, "little") + text


def checksum(arrays: Mapping[str, tuple[str, Any, int]], metadata: Mapping[str, str]) -> str:
    """Return a checksum of all arrays' dtypes, shapes and CRC-32, and of the metadata."""
    told = [[name, dtype, list(shape), crc] for name, (dtype, shape, crc) in arrays.items()]
    texts = {name: text for name, text in metadata.items() if name != "checksum"}
    content = json.dumps([sorted(told), texts], sort_keys=True).encode()
    return blake2b(content, digest_size=16).hexdigest()


def parsed(name: str, text: str | bytes, **options: Any) -> Any:
    """Return what a JSON text says. Raises CheckpointError if it is none."""
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, **options)
    except RecursionError as error:
        raise CheckpointError(f"its {name} are not JSON: nested too deeply") from error
    except ValueError as error:
        raise CheckpointError(f"its {name} are not JSON: {error}") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"two entries have one name, among {short([name for name, _ in pairs])}")
    return found


def _entry(name: str, entry: Any) -> Entry:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(
            f"array {short(name)} must have dtype, shape and data_offsets, has {short(entry)}"
        )
    dtype, shape, places = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise CheckpointError(
            f"array {short(name)}: dtype must be one of {', '.join(DTYPES)}, is {short(dtype)}"
        )
    if not _are_counts(shape) or len(shape) > _MAX_AXES:
        raise CheckpointError(
            f"array {short(name)}: shape must be a list of integers >= 0, is {short(shape)}"
        )
    if not _are_counts(places) or len(places) != 2:
        raise CheckpointError(
            f"array {short(name)}: data_offsets must be two integers >= 0, are {short(places)}"
        )
    n_bytes = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if places[1] - places[0] != n_bytes or math.prod(filter(None, shape)) >= 2**59:
        raise CheckpointError(
            f"array {short(name)}: {dtype} of shape {short(shape)} does not fit data_offsets "
            f"{short(places)}"
        )
    return Entry(name, DTYPES[dtype], tuple(shape), *places)


def _are_counts(value: Any) -> bool:
    # type, not isinstance: True is no count
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _check_places(entries: list[Entry], n_bytes: int) -> None:
    """Raise CheckpointError unless the arrays fill the data, without gaps and without overlaps."""
    stop = 0
    for entry in entries:
        if entry.start != stop:
            raise CheckpointError(
                f"array {short(entry.name)} must begin at byte {stop} of the data, where another "
                f"ends, begins at {entry.start}"
            )
        stop = entry.stop
    if stop != n_bytes:
        raise CheckpointError(
            f"it is not a complete safetensors file: its arrays have {stop} bytes, it has {n_bytes}"
        )
