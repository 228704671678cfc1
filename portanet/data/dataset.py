"""Dataset: inputs and targets, sample by sample."""

from math import prod
from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.data.lazy_batch import Batch
from portanet.data.numbers import as_numbers, check_finite, is_mapped
from portanet.errors import ArgumentError, DataError, PlacementError, ShapeError
from portanet.overrides import is_overridden
from portanet.typing import Array


class Dataset:
    """Inputs X and targets y, sample by sample along the first axis.

    Shapes: X (N, ...), y (N,) or (N, ...), N >= 1. Both are arrays of one backend, memory maps, or
    what numpy.asarray understands (lists, data frames), which is converted once. To change the
    data of a data set in use, assign another X or y: what is written into them may go unnoticed.

    A subclass may define `__getitem__(index)`, to augment samples or to read them from files. Then
    loaders ask it for every batch: index is a slice or a NumPy array of the samples' numbers, and
    the result is (x, y), each along the first axis. It needs `__len__`, too, unless it calls
    `super().__init__(X, y)`.

    Raises ShapeError if the lengths differ, DtypeError unless both are real numbers, DataError if
    there are no samples or one is not finite, PlacementError if X and y lie on two backends.

    >>> data = Dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    >>> len(data), data[1]
    (2, (array([3., 4.]), np.int64(1)))
    """

    _checked: Batch | None = None  # X and y as they were when they were last looked at

    def __init__(self, X: Any, y: Any) -> None:
        self.X, self.y = X, y
        self.checked()

    def __len__(self) -> int:
        self._require_arrays()
        return self.X.shape[0]

    def __getitem__(self, index: Any) -> Batch:
        return rows_of(self.X, index), rows_of(self.y, index)

    def checked(self) -> Batch:
        """Return X and y; they are converted and checked first if others have been assigned."""
        self._require_arrays()
        known = self._checked
        if known is None or self.X is not known[0] or self.y is not known[1]:
            X, y = as_numbers("X", self.X), as_numbers("y", self.y)
            check_pair("Dataset", X, y)
            for name, x in (("X", X), ("y", y)):
                if not is_mapped(x):
                    check_finite(name, x)
            self.X, self.y = self._checked = X, y
        return self.X, self.y

    def _require_arrays(self) -> None:
        if not hasattr(self, "X") or not hasattr(self, "y"):
            raise ArgumentError(
                f"{type(self).__name__}: a data set needs __getitem__ and __len__, or X and y; "
                "call super().__init__(X, y), or define both methods"
            )

    def makes_batches(self) -> bool:
        """Return whether a subclass says what a batch is, by its own __getitem__."""
        return is_overridden(self, Dataset, "__getitem__")


def check_pair(who: str, X: Array, y: Array) -> None:
    """Raise PlacementError, ShapeError or DataError unless X and y belong together."""
    if backend_of(X) is not backend_of(y):
        raise PlacementError(
            f"{who}: y must lie where X lies, on {backend_of(X)}; it lies on {backend_of(y)}. "
            "Give both as NumPy arrays, or move one"
        )
    if X.shape[0] != y.shape[0]:
        raise ShapeError(
            f"{who}: y must have one entry for each of the {X.shape[0]} samples in X, has "
            f"{y.shape[0]}"
        )
    if prod(X.shape) == 0:
        raise DataError(f"{who}: X must hold samples, has the shape {tuple(X.shape)}")


def rows_of(x: Array, index: Any) -> Array:
    """Return x[index] on any backend; an array of sample numbers lies on the host."""
    if isinstance(index, slice):
        return x[index, ...]
    if isinstance(index, np.ndarray) and index.dtype.kind in "iu" and not isinstance(x, np.ndarray):
        backend = backend_of(x)
        return backend.xp.take(x, backend.asarray(index, backend.index_dtype()), axis=0)
    return x[index]
