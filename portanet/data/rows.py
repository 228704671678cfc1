"""Rows: samples of an array by their numbers, whatever the array is."""

from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.data.lazy_array import is_lazy
from portanet.typing import Array


def rows_of(x: Array, index: Any) -> Array:
    """Return x[index] on any backend; an array of sample numbers lies on the host."""
    if is_lazy(x):
        return x[index]
    if isinstance(index, slice):
        return x[index, ...]
    if isinstance(index, np.ndarray) and index.dtype.kind in "iu" and not isinstance(x, np.ndarray):
        backend = backend_of(x)
        return backend.xp.take(x, backend.asarray(index, backend.index_dtype()), axis=0)
    return x[index]
