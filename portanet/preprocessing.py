"""Preparing inputs: normalize, a fit/transform pair that learns from the training data only."""

from typing import Self

import numpy as np

from portanet.backends import array_namespace
from portanet.checks import is_float
from portanet.errors import DataError, DtypeError, OrderError, ShapeError
from portanet.typing import Array


class Normalizer:
    """x' = (x - mean) / std, column by column, with the mean and std of the data it was fitted to.

    Shapes: X (N, ...). std is the population's (divided by N), as in scikit-learn's StandardScaler.
    A column that is constant, up to rounding, is centred and left at that: its std counts as 1.

    Raises ShapeError if there is nothing to fit or the columns differ, DataError if X holds NaN
    or infinities, OrderError if transform comes before fit.

    >>> X = np.asarray([[1.0, 7.0], [3.0, 7.0]])
    >>> Normalizer().fit(X).transform(X)
    array([[-1., 0.], [ 1., 0.]])
    """

    mean: Array = None
    std: Array = None

    def fit(self, X: Array) -> Self:
        """Learn mean and std from X."""
        X = _floats(X)
        if X.ndim < 2 or X.shape[0] == 0:
            raise ShapeError(f"normalize: X must be (N, ...) with N >= 1, is {tuple(X.shape)}")
        xp = array_namespace(X)
        if not bool(xp.all(xp.isfinite(X))):
            raise DataError("normalize: X must be finite, holds NaN or infinity; clean it first")
        mean = xp.mean(X, axis=0)
        # the mean of what is left takes away the rounding of the first sum, which grows with N
        self.mean = mean + xp.mean(X - mean, axis=0)
        std = xp.sqrt(xp.mean((X - self.mean) ** 2, axis=0))
        # the largest std that rounding gives a constant column
        noise = 4 * float(xp.finfo(X.dtype).eps) * xp.abs(self.mean)
        self.std = xp.where(std > noise, std, xp.ones_like(std))
        return self

    def transform(self, X: Array) -> Array:
        """Return X in the units that fit has learned."""
        if self.mean is None:
            raise OrderError("normalize: transform came before fit; call fit(X_train) first")
        X = _floats(X)
        if X.shape[1:] != self.mean.shape:
            raise ShapeError(
                f"normalize: X must have the columns {tuple(self.mean.shape)} that were fitted, "
                f"has {tuple(X.shape[1:])}"
            )
        return (X - self.mean) / self.std


def normalize(X: Array, *others: Array) -> Array | tuple[Array, ...]:
    """Return X with mean 0 and standard deviation 1 a column, and others in X's units.

    X_train, X_val = normalize(X_train, X_val) uses nothing of the validation data; Normalizer is
    the same in two steps, for data that come later.

    >>> normalize(np.asarray([[1.0], [3.0]]), np.asarray([[5.0]]))
    (array([[-1.], [ 1.]]), array([[3.]]))
    """
    normalizer = Normalizer().fit(X)
    results = tuple(normalizer.transform(x) for x in (X, *others))
    return results if others else results[0]


def _floats(X: Array) -> Array:
    """Return X as floats: lists and data frames as NumPy arrays, integers as the default floats."""
    if not hasattr(X, "dtype") or not hasattr(X, "ndim") or hasattr(X, "columns"):
        X = np.asarray(X)
    if getattr(X.dtype, "kind", "") in "OSUV" and isinstance(X.dtype, np.dtype):
        raise DtypeError(f"normalize: X must be numbers, is of dtype {X.dtype}")
    xp = array_namespace(X)
    if is_float(X):
        return X
    if not xp.isdtype(X.dtype, ("integral", "bool")):
        raise DtypeError(f"normalize: X must be real numbers, is {X.dtype}")
    default = xp.__array_namespace_info__().default_dtypes(device=X.device)
    return xp.astype(X, default["real floating"])
