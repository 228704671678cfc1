"""LazyArray: an array whose rows are read batch by batch, and never all at once."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from portanet.backends import Backend, backend_of, get
from portanet.several import Arrays, map_parts
from portanet.typing import Array


class LazyArray(ABC):
    """An array (N, ...) of which a data set reads the rows of each batch: of a file, say.

    A subclass says how its rows are read. A thread calls `read` ahead of time, and the numbers are
    looked at then; a loader with several workers calls it in several threads at once. `source` is
    what a data set was given. Where rows cost little but their bytes, a subclass may say how many
    bytes are to be read at once, for several batches: `block_bytes`.
    """

    block_bytes = 0

    def __init__(self, shape: tuple[int, ...], dtype: Any, source: Any = None) -> None:
        self.shape, self.dtype = tuple(map(int, shape)), np.dtype(dtype).newbyteorder("=")
        self.source = self if source is None else source

    @abstractmethod
    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return some rows as an array in memory: those of a slice, or by their numbers.

        A slice has bounds in [0, N] and no step; numbers are integers in [0, N), in any order, and
        may repeat.
        """

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        """Return the row of a number, or the rows of a slice, of numbers or of a mask."""
        rows = np.arange(self.shape[0])[index]  # raises IndexError for what is outside
        if rows.ndim == 0:
            return self.read(rows.reshape(1))[0]
        is_slice = isinstance(index, slice) and index.step in (None, 1) and rows.size
        return self.read(slice(int(rows[0]), int(rows[-1]) + 1) if is_slice else rows)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape} {self.dtype})"


def is_lazy(x: Any) -> bool:
    """Return whether the rows of x are read, and looked at, batch by batch."""
    return isinstance(x, LazyArray)


def home_of(x: Array) -> Backend:
    """Return the backend where an array lies; rows that are read come to the host."""
    return get("numpy") if is_lazy(x) else backend_of(x)


def in_memory(x: Arrays) -> Arrays:
    """Return arrays with those that are lazy read as a whole: rows of a batch, weights."""
    return map_parts(_read, x)


def sources_of(x: Arrays) -> Arrays:
    """Return arrays with what was given in place of those that are lazy."""
    return map_parts(lambda part: part.source if is_lazy(part) else part, x)


def _read(x: Array) -> Array:
    return x.read(slice(0, x.shape[0])) if is_lazy(x) else x
