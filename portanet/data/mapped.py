"""MappedArray: a memory map, read batch by batch, whose pages the process gives back.

The pages of a map that were read count as the process's memory, up to the size of the file. They
stay in the system's file cache when they are given back: a later batch finds them there.
"""

import mmap
from typing import Any

import numpy as np

from portanet.data.lazy_array import LazyArray

_KEPT = 2**28  # bytes of pages that are kept, as far as can be foreseen
_AROUND = 2**21  # bytes that may come with a row: Linux maps cached pages by up to 2 MiB at once
_GIVE_BACK = getattr(mmap, "MADV_DONTNEED", None)  # Windows has none


def is_mapped(x: Any) -> bool:
    """Return whether x is a memory map or a view of one; rows that were picked are in memory."""
    return isinstance(x, np.memmap) and _map_below(x) is not None


class MappedArray(LazyArray):
    """A memory map of NumPy's, such as numpy.load(path, mmap_mode="r") returns."""

    def __init__(self, source: Any) -> None:
        super().__init__(source.shape, source.dtype, source)
        self._rows = source.view(np.ndarray)
        self._map, self._n_bytes = _map_below(source), 0
        # take copies whole rows at once, but an array that is not like this it copies first
        flags = self._rows.flags
        self._takes = flags.c_contiguous and flags.aligned
        # what was written into a copy-on-write map is nowhere else
        self._gives_back = _GIVE_BACK is not None and source.mode != "c"

    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return a copy of some rows, in the machine's byte order."""
        if isinstance(rows, slice):
            found, n_places = np.array(self._rows[rows], self.dtype, order="C"), 1
        else:  # picking is copying already
            picked = self._rows.take(rows, axis=0) if self._takes else self._rows[rows]
            found, n_places = np.asarray(picked, self.dtype, order="C"), rows.size
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
