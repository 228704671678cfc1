"""The same numbers in every kind of source that a data set takes."""

import numpy as np
import pytest
import scipy.sparse

N = 23  # a prime: no batch size divides it


def numbers():
    """X with zeros in it, as sparse matrices have, and labels."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((N, 5)).astype(np.float32)
    return np.where(rng.random(X.shape) < 0.4, np.float32(0), X), rng.integers(0, 2, N)


def mapped(x, folder, name):
    np.save(folder / f"{name}.npy", x)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


def swapped(x, folder, name):
    return mapped(x.astype(x.dtype.newbyteorder(">")), folder, name)


def hdf5(x, folder, name):
    h5py = pytest.importorskip("h5py", reason="HDF5 files")
    file = h5py.File(folder / f"{name}.h5", "w")
    return file.create_dataset("x", data=x, chunks=(4, *x.shape[1:]), compression="gzip")


def zarr(x, folder, name):
    library = pytest.importorskip("zarr", reason="zarr arrays")
    array = library.create_array(
        folder / f"{name}.zarr", shape=x.shape, dtype=x.dtype, chunks=(4, *x.shape[1:])
    )
    array[:] = x
    return array


class OnlyRows:
    """An array that gives rows, as netCDF4's does: slices, or increasing numbers without repeats."""

    def __init__(self, x):
        self.x, self.shape, self.dtype, self.asked = x, x.shape, x.dtype, []

    def __getitem__(self, rows):
        self.asked.append(rows)
        if not isinstance(rows, slice):
            assert (np.diff(rows) > 0).all()
        return self.x[rows]


def sparse(kind):
    def make(x, folder, name):
        return getattr(scipy.sparse, kind)(x) if x.ndim == 2 else x

    return make


def pandas(x, folder, name):
    library = pytest.importorskip("pandas", reason="data frames of pandas")
    return library.DataFrame(x) if x.ndim == 2 else library.Series(x)


def polars(x, folder, name):
    library = pytest.importorskip("polars", reason="data frames of polars")
    return library.DataFrame(x) if x.ndim == 2 else library.Series(x)


def arrow(x, folder, name):
    library = pytest.importorskip("pyarrow", reason="tables of Arrow")
    if x.ndim == 1:
        return library.array(x).to_numpy()
    return library.table({f"c{i}": column for i, column in enumerate(x.T)})


SOURCES = {
    "a memory map": mapped,
    "a memory map of the other byte order": swapped,
    "HDF5": hdf5,
    "zarr": zarr,
    "only rows": lambda x, folder, name: OnlyRows(x),
    **{k: sparse(k) for k in ("csr_array", "csr_matrix", "csc_array", "coo_matrix", "coo_array")},
    "pandas": pandas,
    "polars": polars,
    "Arrow": arrow,
    "lists": lambda x, folder, name: x.tolist(),
}
