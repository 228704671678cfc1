"""Metrics of regression."""

from portanet.backends import array_namespace
from portanet.targets import as_column, check_place
from portanet.typing import Array


def mse(y_hat: Array, y: Array) -> Array:
    """Return the mean squared error. Shapes: y_hat (N, ...), y alike or (N,) for (N, 1).

    Raises ShapeError if the shape of y does not match y_hat.

    >>> import numpy as np
    >>> float(mse(np.asarray([[1.0], [4.0]]), np.asarray([1.0, 2.0])))
    2.0
    """
    difference = _difference("mse", y_hat, y)
    return array_namespace(y_hat).mean(difference * difference)


def mae(y_hat: Array, y: Array) -> Array:
    """Return the mean absolute error. Shapes: y_hat (N, ...), y alike or (N,) for (N, 1).

    Raises ShapeError if the shape of y does not match y_hat.

    >>> import numpy as np
    >>> float(mae(np.asarray([[1.0], [4.0]]), np.asarray([1.0, 2.0])))
    1.0
    """
    xp = array_namespace(y_hat)
    return xp.mean(xp.abs(_difference("mae", y_hat, y)))


def r2(y_hat: Array, y: Array) -> Array:
    """Return R², the explained share of y's variance: 1 - sum (y - y_hat)² / sum (y - m)².

    m is the mean of y; R² is 1 for exact predictions, 0 for the constant m, negative for worse
    ones. The result for several columns is the mean of their R². A constant column has 1 if the
    predictions are exact and 0 otherwise, as in scikit-learn.
    Shapes: y_hat (N, ...), y alike or (N,) for (N, 1). Raises ShapeError as mse.

    >>> import numpy as np
    >>> float(r2(np.asarray([1.0, 2.0, 4.0]), np.asarray([1.0, 2.0, 3.0])))
    0.5
    """
    xp = array_namespace(y_hat)
    difference = _difference("r2", y_hat, y)
    y = xp.astype(as_column("r2", y_hat, y), y_hat.dtype)
    deviation = y - y[:1, ...]  # relative to a sample: exactly 0 for a constant column
    largest = xp.max(xp.abs(deviation), axis=0)
    constant = largest == 0
    scale = xp.where(
        constant, xp.ones_like(largest), largest
    )  # squares may leave the dtype's range
    deviation, difference = deviation / scale, difference / scale
    deviation = deviation - xp.mean(deviation, axis=0)
    unexplained = xp.sum(difference * difference, axis=0)
    variance = xp.sum(deviation * deviation, axis=0)
    scores = 1 - unexplained / xp.where(constant, xp.ones_like(variance), variance)
    met = xp.astype(unexplained == 0, scores.dtype)
    return xp.mean(xp.where(constant, met, scores))


def _difference(who: str, y_hat: Array, y: Array) -> Array:
    check_place(who, y_hat, y)
    return y_hat - array_namespace(y_hat).astype(as_column(who, y_hat, y), y_hat.dtype)
