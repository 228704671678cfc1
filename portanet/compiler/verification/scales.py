"""The scale of each number of an array, from the mean sizes in its row and in its column.

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
    rows, columns = _means(size)
    with np.errstate(over="ignore"):
        return np.minimum(rows, columns).astype(size.dtype)


def variances(squares: np.ndarray) -> np.ndarray:
    """Return the variance of each number's noise, from the squares of one sample, (n, ..., m).

    A sum of products over samples has noise of the size of a factor of its row times one of its
    column: its variance is row's mean · column's mean / mean. It is not taken for less than
    `scales` would be, where few numbers make a mean.

    >>> variances(np.asarray([[1.0, 3.0], [2.0, 6.0]])).tolist()
    [[1.5, 3.0], [2.0, 6.0]]
    """
    rows, columns = _means(squares)
    with np.errstate(all="ignore"):
        product = rows * (columns / (rows.sum() / rows.size)) if rows.size else rows
    return np.fmax(np.minimum(rows, columns), product)


def _means(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of rows and those of columns, of a vector its mean; not finite counts 0."""
    if size.size == 0:
        return size, size
    with np.errstate(over="ignore", invalid="ignore"):
        rows, columns = _plain_means(size)
        if np.isfinite(rows).all():  # and so is each number: another pass over all is saved
            return rows, columns
        return _plain_means(np.where(np.isfinite(size), size, 0))


def _plain_means(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wide = size.dtype if size.dtype.itemsize > 4 else np.float64  # no sum may overflow
    if size.ndim < 2:
        mean = np.full(size.shape, size.mean(dtype=wide))
        return mean, mean
    rows = size.mean(axis=tuple(range(1, size.ndim)), keepdims=True, dtype=wide)
    return rows, size.mean(axis=0, keepdims=True, dtype=wide)
