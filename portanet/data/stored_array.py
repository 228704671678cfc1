"""StoredArray: the rows of an array of HDF5, zarr or a library like them, read batch by batch."""

from typing import Any

import numpy as np

from portanet.data.lazy_array import LazyArray
from portanet.errors import DataError


def is_stored(x: Any) -> bool:
    """Return whether x has what is needed to read rows of it: a shape, a NumPy dtype, x[rows].

    Arrays of h5py, zarr, netCDF4, dask and xarray have. What is small enough to be an array is to
    be asked for first: NumPy's have all that, too.
    """
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    of_rows = isinstance(shape, tuple) and len(shape) > 0 and hasattr(type(x), "__getitem__")
    return of_rows and isinstance(dtype, np.dtype)


class StoredArray(LazyArray):
    """An array elsewhere, such as an HDF5 data set. `source` is that array.

    It is asked for slices, and for rows by increasing numbers, each once: h5py takes no others, and
    neighbours in a file are read together. They are put into the wanted order here.
    """

    def __init__(self, name: str, source: Any) -> None:
        super().__init__(source.shape, source.dtype)
        self.name, self.source = name, source

    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return some rows. Raises DataError if the source gives others than were asked for."""
        if isinstance(rows, slice):
            return self._asked(rows, rows.stop - rows.start)
        numbers, place = np.unique(rows, return_inverse=True)
        n = numbers.shape[0]
        if n and numbers[-1] - numbers[0] == n - 1:  # neighbours
            found = self._asked(slice(int(numbers[0]), int(numbers[-1]) + 1), n)
        else:
            found = self._asked(numbers, n)
        return found if np.array_equal(numbers, rows) else found[place]

    def _asked(self, rows: slice | np.ndarray, n: int) -> np.ndarray:
        found = np.asarray(self.source[rows], self.dtype)
        if found.shape != (n, *self.shape[1:]):
            raise DataError(
                f"Dataset: {self.name}[rows] of {type(self.source).__name__} must have the shape "
                f"{(n, *self.shape[1:])} for {n} rows, has {found.shape}; the array may have been "
                "changed since the data set was made"
            )
        return found
