"""Dataset: inputs and targets, sample by sample."""

from math import prod
from operator import is_not
from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.checks import dtype_name
from portanet.constructors import CalledType
from portanet.data.lazy_batch import Batch
from portanet.data.numbers import as_numbers, check_finite, is_mapped
from portanet.elsewhere import OfLoaders
from portanet.errors import ArgumentError, DataError, DtypeError, PlacementError, ShapeError
from portanet.overrides import is_overridden
from portanet.several import (
    SEVERAL,
    Arrays,
    Weighted,
    arrays_of,
    keys_of,
    labels,
    like,
    map_parts,
    n_samples,
    parts_of,
)
from portanet.typing import Array


class Dataset(OfLoaders, metaclass=CalledType):
    """Inputs X and targets y, sample by sample along the first axis.

    Shapes: X (N, ...), y (N,) or (N, ...), N >= 1. Both are arrays of one backend, memory maps, or
    what numpy.asarray understands (lists, data frames), which is converted once. To change the
    data of a data set in use, assign another X or y: what is written into them may go unnoticed.

    `sample_weight` (N,), numbers >= 0, are the samples' weights in the loss: the mean is
    Σ w_i l_i / Σ w_i, of a batch and of an epoch. Batches then have them with the targets, as y.
    Metrics are computed without weights.

    For networks of several inputs, side inputs or outputs X and y may be dicts of such arrays by
    name, or tuples of arrays; batches have the same form.

    A subclass may define `__getitem__(index)`, to augment samples or to read them from files. Then
    loaders ask it for every batch: index is a slice or a NumPy array of the samples' numbers, and
    the result is (x, y), each along the first axis. It needs `__len__`, too, unless it calls
    `super().__init__(X, y)`.

    Raises ShapeError if the lengths differ, DtypeError unless both are real numbers, DataError if
    there are no samples or one is not finite, PlacementError if X and y lie on two backends.

    >>> data = Dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    >>> len(data), data[1]
    (2, (array([3., 4.]), np.int64(1)))
    >>> Dataset({"tokens": [[1, 2], [3, 0]], "lengths": [2, 1]}, [0, 1])[1]
    ({'tokens': array([3, 0]), 'lengths': np.int64(1)}, np.int64(1))
    """

    _checked: "_Checked | None" = None  # X and y as they were when they were last looked at

    sample_weight: Any = None

    def __init__(self, X: Any, y: Any, *, sample_weight: Any = None) -> None:
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.checked()

    def __len__(self) -> int:
        X: Any = getattr(self, "X", None)
        if hasattr(X, "shape"):
            return X.shape[0]
        self._require_arrays()
        return n_samples(self.X)

    def __getitem__(self, index: Any) -> Batch:
        X, y = (map_parts(lambda x: rows_of(x, index), data) for data in self.checked())
        return X, y

    def checked(self) -> Batch:
        """Return X and y; they are converted and checked first if others have been assigned.

        With weights y is several.Weighted.
        """
        return self._looked_at().batch

    def arrays(self) -> list[Array]:
        """Return all arrays of X and y, checked."""
        return self._looked_at().arrays

    def _looked_at(self) -> "_Checked":
        """Return X and y as they are now, checked; at once if they are what they were."""
        known = self._checked
        if known is None or not known.holds(self):
            self._require_arrays()
            X, y = all_numbers("X", self.X), all_numbers("y", self.y)
            check_pair("Dataset", X, y)
            for name, x in (("X", X), ("y", y)):
                for label, part in zip(labels(name, x), parts_of(x), strict=True):
                    if not is_mapped(part):
                        check_finite(label, part)
            self.X, self.y, self.sample_weight = X, y, checked_weights(self.sample_weight, X)
            known = self._checked = _Checked(X, y, self.sample_weight)
        return known

    def __repr__(self) -> str:
        X, y = (form_of(vars(self).get(name)) for name in ("X", "y"))
        return f"{type(self).__name__}({X}, {y})"

    def _require_arrays(self) -> None:
        if not hasattr(self, "X") or not hasattr(self, "y"):
            raise ArgumentError(
                f"{type(self).__name__}: a data set needs __getitem__ and __len__, or X and y; "
                "call super().__init__(X, y), or define both methods"
            )

    def makes_batches(self) -> bool:
        """Return whether a subclass says what a batch is, by its own __getitem__."""
        return is_overridden(self, Dataset, "__getitem__")


class _Checked:
    """X, y and weights of a data set as they were when they were looked at."""

    def __init__(self, X: Arrays, y: Arrays, weights: Array | None) -> None:
        self.given = X, y, weights
        self.batch: Batch = (X, y if weights is None else Weighted.of(y, weights))
        self.arrays = arrays_of(*self.batch)
        self.several = isinstance(X, SEVERAL) or isinstance(y, SEVERAL)

    def holds(self, ds: "Dataset") -> bool:
        """Return whether a data set still has these arrays."""
        X, y, weights = self.given
        if ds.X is not X or ds.y is not y or ds.sample_weight is not weights:
            return False
        if not self.several:
            return True
        now = arrays_of(X, y)  # which may have got other arrays
        if weights is not None:
            now.append(weights)
        return len(now) == len(self.arrays) and not any(map(is_not, now, self.arrays))


def all_numbers(name: str, x: Any) -> Arrays:
    """Return X or y with each of its arrays as numbers. Raises what as_numbers raises.

    A tuple is several arrays if all of it are arrays or frames; else, like a list, it is data.
    """
    several = isinstance(x, dict) or (
        isinstance(x, tuple) and x and all(hasattr(part, "shape") and part.shape for part in x)
    )
    if not several:
        return as_numbers(name, x)
    if not x:
        raise DataError(f"Dataset: {name} must hold arrays, is an empty dict")
    for label, part in zip(labels(name, x), parts_of(x), strict=True):
        if isinstance(part, dict):
            raise DtypeError(f"Dataset: {label} must be an array, is a dict; give one flat dict")
    numbers = [as_numbers(label, p) for label, p in zip(labels(name, x), parts_of(x), strict=True)]
    return like(x, numbers)


def checked_weights(weights: Any, X: Arrays) -> Array | None:
    """Return sample weights as an array. Raises unless there is one number >= 0 for each sample."""
    if weights is None:
        return None
    weights, n = as_numbers("sample_weight", weights), n_samples(X)
    if tuple(weights.shape) != (n,):
        raise ShapeError(
            f"Dataset: sample_weight must be ({n},), one for each sample, is {tuple(weights.shape)}"
        )
    here, there = backend_of(weights), backend_of(parts_of(X)[0])
    if here is not there:
        raise PlacementError(
            f"Dataset: sample_weight must lie where X lies, on {there}; it lies on {here}. Give "
            "both as NumPy arrays, or move one"
        )
    check_finite("sample_weight", weights)
    return weights


def check_pair(who: str, X: Arrays, y: Arrays) -> None:
    """Raise PlacementError, ShapeError or DataError unless X and y belong together."""
    check_alike_samples(who, X, y)
    for name, x in zip(labels("X", X), parts_of(X), strict=True):
        if prod(x.shape) == 0:
            raise DataError(
                f"{who}: {name} must hold samples, has the shape {tuple(x.shape)}; give one row "
                "or more, of one number or more"
            )


def check_alike_samples(who: str, X: Arrays, y: Arrays = ()) -> None:
    """Raise PlacementError or ShapeError unless arrays lie together and have as many samples."""
    names = [*labels("X", X), *labels("y", y)]
    (name, x), *others = zip(names, arrays_of(X, y), strict=True)
    for label, other in others:
        if backend_of(x) is not backend_of(other):
            raise PlacementError(
                f"{who}: {label} must lie where {name} lies, on {backend_of(x)}; it lies on "
                f"{backend_of(other)}. Give both as NumPy arrays, or move one"
            )
        if other.shape[0] != x.shape[0]:
            raise ShapeError(
                f"{who}: {label} must have one entry for each of the {x.shape[0]} samples in "
                f"{name}, has {other.shape[0]}; {_pair_advice(name, x, other)}"
            )


def _pair_advice(name: str, x: Array, other: Array) -> str:
    if x.ndim == 2 and x.shape[1] == other.shape[0]:
        return f"samples are the rows of {name}: give {name}.T"
    return "take the same rows of both"


def rows_of(x: Array, index: Any) -> Array:
    """Return x[index] on any backend; an array of sample numbers lies on the host."""
    if isinstance(index, slice):
        return x[index, ...]
    if isinstance(index, np.ndarray) and index.dtype.kind in "iu" and not isinstance(x, np.ndarray):
        backend = backend_of(x)
        return backend.xp.take(x, backend.asarray(index, backend.index_dtype()), axis=0)
    return x[index]


def form_of(data: Any) -> str:
    """Return the shape and dtype of X or y, of each by name if there are several arrays."""
    if isinstance(data, SEVERAL):
        return str({key: form_of(data[key]) for key in keys_of(data)}).replace("'", "")
    return f"{tuple(data.shape)} {dtype_name(data.dtype)}" if hasattr(data, "shape") else "..."
