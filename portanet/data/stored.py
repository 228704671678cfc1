"""StoredArray: an array of HDF5, zarr or a library like them, read batch by batch."""

from typing import Any

import numpy as np

from portanet.data.lazy_array import LazyArray
from portanet.errors import DataError


def is_stored(x: Any) -> bool:
    """Return whether x has what it takes to read rows of it: a shape, a NumPy dtype and x[rows].

    Arrays of h5py, zarr, netCDF4, dask and xarray have; so have those of NumPy, which are to be
    asked for before.
    """
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    has_rows = isinstance(shape, tuple) and len(shape) > 0 and hasattr(type(x), "__getitem__")
    return has_rows and isinstance(dtype, np.dtype)


class StoredArray(LazyArray):
    """An array elsewhere, such as an HDF5 data set.

    It is asked for slices, or for rows by increasing numbers, each once: h5py takes no others, and
    neighbours in a file are read together. The wanted order is made here, once for a batch.
    """

    def __init__(self, name: str, source: Any) -> None:
        super().__init__(source.shape, source.dtype, source)
        self.name = name

    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return some rows. Raises DataError if the source gives others than were asked for."""
        if isinstance(rows, slice):
            return self._ask(rows, rows.stop - rows.start)
        numbers, place = np.unique(rows, return_inverse=True)
        n = numbers.size
        if n and numbers[-1] - numbers[0] == n - 1:  # neighbours
            found = self._ask(slice(int(numbers[0]), int(numbers[-1]) + 1), n)
        else:
            found = self._ask(numbers, n)
        return found if np.array_equal(numbers, rows) else found[place]

    def _ask(self, rows: slice | np.ndarray, n: int) -> np.ndarray:
        found = np.asarray(self.source[rows], self.dtype)
        if found.shape != (n, *self.shape[1:]):
            raise DataError(
                f"Dataset: {n} rows of {self.name} must be of shape {(n, *self.shape[1:])}; "
                f"{type(self.source).__name__}.__getitem__ returned {found.shape}. It must take "
                "slices and increasing row numbers, and the array must not change in between"
            )
        return found
