"""MappedArray: a memory map, read batch by batch, that takes little of the process's memory.

The pages of a map that were read count as the process's memory, up to the size of the file. So
rows of a large one are read from its file (`map_file.py`), or the pages are given back: either way
the system's file cache keeps them for later batches.
"""

import mmap
from typing import Any

import numpy as np

from portanet.data.lazy_array import LazyArray
from portanet.data.map_file import MapFile, file_below

_KEPT = 2**28  # bytes of pages that are kept, as far as can be foreseen
_AROUND = 2**21  # bytes that may come with a row: Linux maps cached pages by up to 2 MiB at once
_AT_ONCE = _KEPT // _AROUND  # rows
_GIVE_BACK = getattr(mmap, "MADV_DONTNEED", None)  # Windows has none


def is_mapped(x: Any) -> bool:
    """Return whether x is a memory map or a view of one; rows that were picked are in memory."""
    return isinstance(x, np.memmap) and _map_below(x) is not None


class MappedArray(LazyArray):
    """A memory map of NumPy's, such as numpy.load(path, mmap_mode="r") returns."""

    block_bytes = 2**22

    def __init__(self, source: Any) -> None:
        super().__init__(source.shape, source.dtype, source)
        self._rows = source.view(np.ndarray)
        self._map, self._n_bytes = _map_below(source), 0
        # take copies whole rows at once, but an array that is not like this it copies first
        flags, is_native = self._rows.flags, self._rows.dtype == self.dtype
        self._takes = flags.c_contiguous and flags.aligned and is_native
        # of a small map all pages may stay; what was written into one that copies on write has no
        # other place
        gives_back = source.nbytes > _KEPT and source.mode != "c"
        self._gives_back = gives_back and _GIVE_BACK is not None
        self._file = file_below(self._rows) if gives_back and self._takes else None

    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return a copy of some rows, in the machine's byte order."""
        if self._file is not None:
            return self._read_file(self._file, rows)
        if isinstance(rows, slice):
            return self._noted(np.array(self._rows[rows], self.dtype, order="C"), 1)
        if self._takes:
            return self._taken(rows)
        # picking is copying already
        return self._noted(np.asarray(self._rows[rows], self.dtype, order="C"), rows.size)

    def _read_file(self, file: MapFile, rows: slice | np.ndarray) -> np.ndarray:
        size = self._rows[:1].nbytes
        if isinstance(rows, slice):
            n, starts = rows.stop - rows.start, [rows.start * size]
        else:
            n, starts = rows.size, (rows.astype(np.int64) * size).tolist()
        found = np.empty((n, *self.shape[1:]), self.dtype)
        file.read_into(found, starts)
        return found

    def _taken(self, rows: np.ndarray) -> np.ndarray:
        """Return rows by their numbers, a part at a time: each may bring many bytes with it."""
        found = np.empty((rows.size, *self.shape[1:]), self.dtype)
        for start in range(0, rows.size, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)  # clip: the numbers are right, and nothing waits
            self._rows.take(rows[part], axis=0, out=found[part], mode="clip")
            self._noted(found[part], rows[part].size)
        return found

    def _noted(self, found: np.ndarray, n_places: int) -> np.ndarray:
        """Return rows that were read from n places; give the pages back if they are many."""
        self._n_bytes += found.nbytes + n_places * _AROUND
        if self._n_bytes > _KEPT and self._gives_back:
            self._map.madvise(_GIVE_BACK)
            self._n_bytes = 0
        return found


def _map_below(x: Any) -> Any:
    """Return the map that an array lies in, None if it lies in memory."""
    while isinstance(x, np.ndarray):
        x = x.base
    return x if isinstance(x, mmap.mmap) else None
