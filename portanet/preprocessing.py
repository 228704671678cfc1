"""Preprocessing: normalize, and a fit/transform pair that is fitted to the training data only."""

from typing import Self

import numpy as np

from portanet.backends import array_namespace, backend_of
from portanet.checks import dtype_name, is_float, short
from portanet.constructors import CalledType
from portanet.data.lazy_array import LazyArray, is_lazy
from portanet.data.numbers import as_numbers, is_read_in_parts
from portanet.errors import ArgumentError, DataError, DtypeError, OrderError, ShapeError
from portanet.layer import moved
from portanet.moments import centred, root_mean_square
from portanet.row_statistics import column_statistics
from portanet.state import State
from portanet.typing import Array


class Normalizer(metaclass=CalledType):
    """x' = (x - mean) / std for each column, with the mean and std of the data it was fitted to.

    Shapes: X (N, ...). std divides by N, as in scikit-learn's StandardScaler. A column that is
    constant, up to rounding, is only centred: its std is set to 1. mean and std follow X to another
    backend. `save(path, model, normalizer=normalizer)` saves them beside a model.

    A memory map, an array in a file, a sparse matrix or another LazyArray is fitted block by block,
    in float64; as the transform of a data set it goes on batch by batch (docs/data.md).

    Raises ShapeError if X is empty or the columns differ, DataError if X holds NaN or infinities,
    OrderError if transform is called before fit.

    >>> X = np.asarray([[1.0, 7.0], [3.0, 7.0]])
    >>> Normalizer().fit(X).transform(X)
    array([[-1., 0.], [ 1., 0.]])
    """

    how_to_call = "{}().fit(X)"
    mean: Array = None
    std: Array = None

    def fit(self, X: Array) -> Self:
        """Compute mean and std of X."""
        X = _floats(X)
        if X.ndim < 2 or X.shape[0] == 0:
            raise ShapeError(
                f"normalize: X must be (N, ...) with N >= 1, is {tuple(X.shape)}"
                + ("; one column is X[:, None]" if X.ndim == 1 else "; give samples")
            )
        self.mean, std = _by_blocks(X) if is_lazy(X) else _at_once(X)
        xp = array_namespace(std)
        # the largest std that rounding gives a constant column
        noise = 4 * float(xp.finfo(std.dtype).eps) * xp.abs(self.mean)
        self.std = xp.where(std > noise, std, xp.ones_like(std))
        return self

    def transform(self, X: Array) -> Array:
        """Return (X - mean) / std, an array in memory."""
        if self.mean is None:
            raise OrderError("normalize: transform needs mean and std; call fit(X_train) first")
        X = _floats(np.asarray(X) if isinstance(X, np.memmap) else X)
        if is_lazy(X):
            raise ArgumentError(
                "normalize: transform returns an array in memory, X is read batch by batch; let a "
                "data set transform its batches: "
                "transform=batchwise(lambda X, rng: normalizer.transform(X))"
            )
        if X.shape[1:] != self.mean.shape:
            raise ShapeError(
                f"normalize: X must have the columns {tuple(self.mean.shape)} that were fitted, "
                f"has {tuple(X.shape[1:])}; give the same columns"
            )
        backend = backend_of(X)
        if backend is not backend_of(self.mean):
            self.mean = moved(self.mean, backend, dtype_name(self.mean.dtype))
            self.std = moved(self.std, backend, dtype_name(self.std.dtype))
        return (X - self.mean) / self.std

    def __repr__(self) -> str:
        if self.mean is None:
            return "Normalizer()"
        return f"Normalizer({tuple(self.mean.shape)}, {dtype_name(self.mean.dtype)})"

    def state(self) -> State:
        """Return mean and std; no arrays before fit."""
        return State({} if self.mean is None else {"mean": self.mean, "std": self.std}, {})

    def load_state(self, state: State) -> None:
        """Continue with saved mean and std. Raises DataError unless the state has both, alike."""
        shapes = {name: tuple(array.shape) for name, array in state.arrays.items()}
        if shapes and (set(shapes) != {"mean", "std"} or shapes["mean"] != shapes["std"]):
            raise DataError(
                f"normalize: the state must have mean and std, of one shape, or nothing; it has "
                f"{short(shapes)}"
            )
        self.mean, self.std = state.arrays.get("mean"), state.arrays.get("std")


def normalize(X: Array, *others: Array) -> Array | tuple[Array, ...]:
    """Return X with mean 0 and standard deviation 1 per column, and others scaled like X.

    X_train, X_val = normalize(X_train, X_val) uses the statistics of X_train only; Normalizer is
    the same in two steps, for later data.

    >>> normalize(np.asarray([[1.0], [3.0]]), np.asarray([[5.0]]))
    (array([[-1.], [ 1.]]), array([[3.]]))
    """
    normalizer = Normalizer().fit(X)
    results = tuple(normalizer.transform(x) for x in (X, *others))
    return results if others else results[0]


def _at_once(X: Array) -> tuple[Array, Array]:
    """Return mean and std of the columns of an array in memory."""
    xp = array_namespace(X)
    if not bool(xp.all(xp.isfinite(X))):
        raise _not_finite()
    scale, mean, distances = centred(X, (0,))
    return (mean / scale)[0, ...], root_mean_square(distances, 0) / scale[0, ...]


def _by_blocks(X: LazyArray) -> tuple[Array, Array]:
    """Return mean and std of the columns of rows in a file, in the dtype of a batch of them."""
    with np.errstate(invalid="ignore", over="ignore"):
        mean, std = column_statistics(X)
    dtype = X.dtype if X.dtype.kind == "f" else np.dtype(np.float32)
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        raise _not_finite()
    return mean.astype(dtype), std.astype(dtype)


def _not_finite() -> DataError:
    return DataError("normalize: X must be finite, holds NaN or infinity; drop or replace them")


def _floats(X: Array) -> Array:
    """Return X as floats: lists and data frames as NumPy arrays, integers as the default floats.

    What is read from a file becomes a LazyArray.
    """
    if is_read_in_parts(X):
        return as_numbers("X", X)
    if not hasattr(X, "dtype") or not hasattr(X, "ndim") or hasattr(X, "columns"):
        X = np.asarray(X)
    if getattr(X.dtype, "kind", "") in "OSUV" and isinstance(X.dtype, np.dtype):
        raise DtypeError(
            f"normalize: X must be numbers, is of dtype {X.dtype}; encode text as numbers, or "
            "X.astype('float32') where each text is a number"
        )
    xp = array_namespace(X)
    if is_float(X):
        return X
    if not xp.isdtype(X.dtype, ("integral", "bool")):
        raise DtypeError(f"normalize: X must be real numbers, is {X.dtype}")
    default = xp.__array_namespace_info__().default_dtypes(device=X.device)
    return xp.astype(X, default["real floating"])
