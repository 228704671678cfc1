"""Sending: what goes to worker processes, as bytes. Memory maps are opened there anew."""

import mmap
import pickle
from io import BytesIO
from typing import Any

import numpy as np

from portanet.data.mapped import MappedArray
from portanet.errors import ArgumentError


def to_bytes(reader: Any) -> bytes:
    """Return a reader as bytes. Raises ArgumentError if something of it cannot be sent."""
    stream = BytesIO()
    try:
        _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(reader)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ArgumentError(
            f"DataLoader: worker processes need a data set and transforms that can be sent to "
            f"them; one cannot ({error}). Define functions with def at the top of a module, not as "
            "a lambda and not within another function, or leave out processes=True: threads take "
            "whatever there is"
        ) from error
    return stream.getvalue()


class _Pickler(pickle.Pickler):
    """Sends the place of a memory map in place of its numbers."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is MappedArray:
            return MappedArray, (obj.source,)
        if isinstance(obj, np.memmap) and obj.filename is not None and obj.mode != "c":
            return _reopened, (str(obj.filename), obj.dtype, _offset(obj), obj.shape, obj.strides)
        return NotImplemented


def _offset(x: Any) -> int:
    """Return where in its file the first number of a memory map, or of a view of one, lies."""
    begin = x.offset - x.offset % mmap.ALLOCATIONGRANULARITY  # where the map begins
    return begin + x.ctypes.data - np.frombuffer(x._mmap, np.uint8).ctypes.data


def _reopened(
    path: str, dtype: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> np.memmap:
    """Return the memory map of a file's numbers."""
    whole = np.memmap(path, np.uint8, mode="r")
    return np.ndarray(shape, dtype, whole, offset, strides).view(np.memmap)
