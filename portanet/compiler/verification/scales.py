"""The scale of each number of an array: the mean size in its row or in its column.

The columns of a weight's gradient belong to inputs, which may be of very different sizes; a wrong
number in a small column must not hide behind the largest number of the array.
"""

import numpy as np


def scales(size: np.ndarray) -> np.ndarray:
    """Return, for sizes (n, ..., m) >= 0, the smaller of the means of a number's row and column.

    Vectors have one scale, their mean.

    >>> scales(np.asarray([[1.0, 3.0], [5.0, 7.0]])).tolist()
    [[2.0, 2.0], [3.0, 5.0]]
    """
    if not np.isfinite(size).all():
        size = np.where(np.isfinite(size), size, 0)
    if size.size == 0:
        return size
    if size.ndim < 2:
        return np.full(size.shape, size.mean(dtype=np.float64), size.dtype)
    wide = size.dtype if size.dtype.itemsize > 4 else np.float64  # no sum may overflow
    rows = size.mean(axis=tuple(range(1, size.ndim)), keepdims=True, dtype=wide)
    columns = size.mean(axis=0, keepdims=True, dtype=wide)
    with np.errstate(over="ignore"):
        return np.minimum(rows.astype(size.dtype), columns.astype(size.dtype))
