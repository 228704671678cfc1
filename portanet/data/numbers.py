"""What a data set accepts, and how it becomes an array of real numbers."""

from collections.abc import Iterator, Sequence, Sized
from numbers import Number
from typing import Any

import numpy as np

from portanet.backends import array_namespace
from portanet.data.columns import DATES
from portanet.data.frames import frame_to_numpy, is_frame
from portanet.data.lazy_array import is_lazy
from portanet.data.mapped import MappedArray, is_mapped
from portanet.data.sparse import SparseArray, is_sparse
from portanet.data.stored import StoredArray, is_stored
from portanet.errors import DataError, DtypeError, ShapeError, short
from portanet.typing import Array

_CLASSES = (
    "give class indices, which numpy.unique makes of labels: "
    "classes, y = numpy.unique(y, return_inverse=True)"
)


def as_numbers(name: str, x: Any) -> Array:
    """Return x, the X or y of a data set, as an array (N, ...) of real numbers.

    Lists and data frames are converted, the byte order becomes the machine's. Memory maps, arrays
    in files and sparse matrices become LazyArrays. Raises DtypeError, ShapeError or DataError if x
    is no such array.
    """
    x = _as_array(name, x)
    _check_real(name, x)
    if x.ndim == 0:
        raise ShapeError(f"Dataset: {name} must be (N, ...), is a single number")
    return native(x)


def is_read_in_parts(x: Any) -> bool:
    """Return whether a data set would make a LazyArray of x."""
    return is_lazy(x) or is_sparse(x) or is_mapped(x) or (is_stored(x) and not _is_array(x))


def native(x: Array) -> Array:
    """Return x in the machine's own byte order, which FITS, netCDF and IDX files need not have."""
    if isinstance(x, np.ndarray) and not x.dtype.isnative:
        return x.astype(x.dtype.newbyteorder("="))
    return x


def _as_array(name: str, x: Any) -> Array:
    """Return x as an array of any backend and of any dtype."""
    if isinstance(x, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in x):
        x = np.ma.asarray(x)  # numpy.asarray leaves the masks out
    if is_lazy(x):
        return x
    if is_sparse(x):
        return SparseArray(name, x)
    if is_frame(x):
        return frame_to_numpy(name, x)
    if isinstance(x, np.ma.MaskedArray):
        return _without_mask(name, x)
    if is_mapped(x):
        return MappedArray(x)
    if _is_array(x):
        return x
    return StoredArray(name, x) if is_stored(x) else _to_numpy(name, x)


def _is_array(x: Any) -> bool:
    """Return whether x is an array of a backend: a column of polars, say, is none."""
    try:
        array_namespace(x)
    except DtypeError:
        return False
    return True


def _to_numpy(name: str, x: Any) -> np.ndarray:
    if not isinstance(x, Sequence) and not hasattr(x, "__array__") and not isinstance(x, Number):
        advice = (
            f"numpy.asarray(list({name})); an iterator of samples (x, y) takes a Stream"
            if isinstance(x, Iterator)
            else "numpy.asarray(...)"
        )
        raise DtypeError(f"Dataset: {name} must be an array, is {short(x)}; make one with {advice}")
    if isinstance(x, str):
        raise DtypeError(
            f"Dataset: {name} must be an array, is {short(x)}; read a file first, for example with "
            "numpy.loadtxt"
        )
    try:
        return np.asarray(x)
    except ValueError:
        raise DtypeError(f"Dataset: {name} must have rows of one length{_lengths(x)}") from None


def _lengths(rows: Any) -> str:
    """Return the lengths of rows, the shortest and the longest, and what to do about them."""
    lengths = [len(row) if isinstance(row, Sized) else 0 for row in rows]
    of = sorted(set(lengths))
    if len(of) > 1:
        odd = next(i for i, n in enumerate(lengths) if n != lengths[0])
        return (
            f", they are of {of[0]} and {of[-1]}; pad or cut them to one length, row {odd} has "
            f"{lengths[odd]} numbers, row 0 has {lengths[0]}"
        )
    return f"{_inner(rows)}; pad or cut them to one length, or give numbers for rows"


def _inner(rows: Any) -> str:
    """Return which of rows of one length is ragged itself, or of another shape than the first."""
    shapes = []
    for i, row in enumerate(rows):
        try:
            shapes.append(np.shape(row))
        except ValueError:
            return f", row {i} holds lists of several lengths"
        if shapes[i] != shapes[0]:
            return f", row {i} is of shape {shapes[i]}, row 0 of shape {shapes[0]}"
    return ""


def _without_mask(name: str, x: np.ma.MaskedArray) -> np.ndarray:
    n_masked = int(np.ma.count_masked(x))
    if n_masked:
        raise DataError(
            f"Dataset: {name} must have no missing numbers, {n_masked} of its numbers are masked; "
            f"drop those samples or fill them first, for example with {name}.filled(0)"
        )
    return x.data


def _check_real(name: str, x: Array) -> None:
    dtype = x.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind not in "biuf":
            raise DtypeError(
                f"Dataset: {name} must hold real numbers, is of dtype {dtype}; {_advice(name, x)}"
            )
    elif not array_namespace(x).isdtype(dtype, ("bool", "integral", "real floating")):
        raise DtypeError(f"Dataset: {name} must hold real numbers, is of dtype {dtype}")


def _advice(name: str, x: np.ndarray) -> str:
    """Return what to do with an array that holds no real numbers."""
    if x.dtype.kind in "mM":
        return DATES
    if x.dtype.kind == "c":
        return f"give parts of it, such as {name}.real"
    if is_lazy(x) and x.dtype.kind not in "SUT":
        return "write it as numbers, in rows of one length"
    text = x.dtype.kind in "SUT" or any(isinstance(v, str | bytes) for v in x.flat)
    if text and name.startswith("y"):
        return _CLASSES
    if text:
        return f"encode text as numbers, or {name}.astype('float32') where each text is a number"
    return f"convert it, for example with {name}.astype('float32')"
