"""Dataset: inputs and targets, sample by sample."""

from operator import is_not
from typing import Any

from portanet.checks import dtype_name
from portanet.constructors import CalledType
from portanet.data.lazy_array import is_lazy, sources_of
from portanet.data.lazy_batch import Batch
from portanet.data.rows import rows_of
from portanet.data.samples import all_numbers, check_pair, checked_weights
from portanet.data.transforms import check_transform
from portanet.data.values import check_finite
from portanet.elsewhere import OfLoaders
from portanet.errors import ArgumentError
from portanet.options import Option
from portanet.overrides import is_overridden
from portanet.several import (
    SEVERAL,
    Arrays,
    Weighted,
    arrays_of,
    keys_of,
    labels,
    map_parts,
    n_samples,
    parts_of,
)
from portanet.typing import Array


class Dataset(OfLoaders, metaclass=CalledType):
    """Inputs X and targets y, sample by sample along the first axis.

    Shapes: X (N, ...), y (N,) or (N, ...), N >= 1. Both are arrays of one backend, or lists or data
    frames, which are converted once, or what is read batch by batch and never as a whole: memory
    maps, arrays of HDF5 and zarr (anything with a shape, a NumPy dtype and x[rows]), and sparse
    matrices of SciPy's, whose rows are made dense. docs/data.md says more about each. To change
    the data of a data set in use, assign another X or y: what is written into them may go
    unnoticed.

    `sample_weight` (N,), numbers >= 0, are the samples' weights in the loss: the mean is
    Σ w_i l_i / Σ w_i, of a batch and of an epoch. Batches then have them with the targets, as y.
    Metrics are computed without weights.

    `transform` is a NumPy function f(x, rng) or f(x, y, rng), or a list of them, that each sample
    goes through on its way to a batch; see docs/data.md and portanet.augmentation. It belongs to
    this data set: one for validation has its own, or none.

    For networks of several inputs, side inputs or outputs X and y may be dicts of such arrays by
    name, or tuples of arrays; batches have the same form.

    A subclass may define `__getitem__(index)`, to augment samples or to read them from files. Then
    loaders ask it for every batch: index is a slice or a NumPy array of the samples' numbers, and
    the result is (x, y), each along the first axis. It needs `__len__`, too, unless it calls
    `super().__init__(X, y)`.

    Raises ShapeError if the lengths differ, DtypeError unless both are real numbers, DataError if
    there are no samples or one is not finite (what is read batch by batch raises it with its
    batch), PlacementError if X and y lie on two backends.

    >>> data = Dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    >>> len(data), data[1]
    (2, (array([3., 4.]), np.int64(1)))
    >>> Dataset({"tokens": [[1, 2], [3, 0]], "lengths": [2, 1]}, [0, 1])[1]
    ({'tokens': array([3, 0]), 'lengths': np.int64(1)}, np.int64(1))
    """

    _checked: "_Checked | None" = None  # X and y as they were when they were last looked at

    sample_weight: Any = None
    transform = Option(check_transform, none=True)

    def __init__(self, X: Any, y: Any, *, sample_weight: Any = None, transform: Any = None) -> None:
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.transform = transform
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
                    if not is_lazy(part):
                        check_finite(label, part)
            weights = checked_weights(self.sample_weight, X)
            self.X, self.y, self.sample_weight = sources_of(X), sources_of(y), weights
            known = self._checked = _Checked(X, y, weights)
        return known

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_checked"}

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
        self.given = sources_of(X), sources_of(y), weights
        self.batch: Batch = (X, y if weights is None else Weighted.of(y, weights))
        self.arrays = arrays_of(*self.batch)
        self.parts = arrays_of(*self.given[:2])

    def holds(self, ds: "Dataset") -> bool:
        """Return whether a data set still has these arrays."""
        X, y, weights = self.given
        if ds.X is not X or ds.y is not y or ds.sample_weight is not weights:
            return False
        if not isinstance(X, SEVERAL) and not isinstance(y, SEVERAL):
            return True
        now = arrays_of(X, y)  # which may have got other arrays
        return len(now) == len(self.parts) and not any(map(is_not, now, self.parts))


def form_of(data: Any) -> str:
    """Return the shape and dtype of X or y, of each by name if there are several arrays."""
    if isinstance(data, SEVERAL):
        return str({key: form_of(data[key]) for key in keys_of(data)}).replace("'", "")
    return f"{tuple(data.shape)} {dtype_name(data.dtype)}" if hasattr(data, "shape") else "..."
