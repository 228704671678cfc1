"""Data: Dataset, DataLoader, and how batches come to lie where the network lies.

Data that fit are moved to the device once, and batches are gathered there; the order of an epoch
is drawn on the host, so the batches of a seed are the same on every backend. What does not fit, or
is a memory map, stays on the host: a thread gathers the next batch while the device works on this
one.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from portanet.backends import Backend, array_namespace, backend_of
from portanet.checks import check_count, dtype_name, is_float, skip_value_checks
from portanet.errors import ArgumentError, DataError, DtypeError, PlacementError, ShapeError
from portanet.layer import Layer
from portanet.random import Key, check_seed, next_key
from portanet.typing import Array

Batch = tuple[Array, Array]
_SHARE = 0.5  # of the free device memory that a data set may take: the network wants some, too


class Dataset:
    """Inputs X and targets y, sample by sample along the first axis.

    Shapes: X (N, ...), y (N,) or (N, ...), N >= 1. Both are arrays of one backend, memory maps, or
    what numpy.asarray understands (lists, data frames), which is converted once.

    Raises ShapeError if the lengths differ, DtypeError unless both are real numbers, DataError if
    there are no samples or one is not finite, PlacementError if X and y lie on two backends.

    >>> data = Dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    >>> len(data), data[1]
    (2, (array([3., 4.]), np.int64(1)))
    """

    def __init__(self, X: Any, y: Any) -> None:
        self.X, self.y = _numbers("X", X), _numbers("y", y)
        if backend_of(self.X) is not backend_of(self.y):
            raise PlacementError(
                f"Dataset: y must lie where X lies, on {backend_of(self.X)}; it lies on "
                f"{backend_of(self.y)}. Give both as NumPy arrays, or move one"
            )
        if self.X.shape[0] != self.y.shape[0]:
            raise ShapeError(
                f"Dataset: y must have one entry for each of the {self.X.shape[0]} samples in X, "
                f"has {self.y.shape[0]}"
            )
        if prod(self.X.shape) == 0:
            raise DataError(f"Dataset: X must hold samples, has the shape {tuple(self.X.shape)}")
        for name, x in (("X", self.X), ("y", self.y)):
            if not isinstance(x, np.memmap):  # those are looked at batch by batch
                _check_finite(name, x)

    def __len__(self) -> int:
        return self.X.shape[0]

    def __getitem__(self, index: Any) -> Batch:
        return self.X[index], self.y[index]


class DataLoader:
    """Cuts a data set into batches, epoch after epoch.

    Every sample comes once an epoch: the last batch is shorter where batch_size does not divide
    N, unless drop_last. With shuffle each epoch has its own order, drawn from (seed, epoch).
    Without a seed it is `portanet.seed`'s, and every loader has a stream of its own.

    Looping over a loader gives batches as the data set has them; `to(model)` gives them where the
    model lies, in its dtype. A Trainer does that by itself.

    Raises ArgumentError if a value is out of its range.

    >>> loader = DataLoader(Dataset([[1.0], [2.0], [3.0]], [0, 1, 0]), batch_size=2)
    >>> [x.shape for x, y in loader]
    [(2, 1), (1, 1)]
    """

    def __init__(
        self,
        ds: Dataset,
        batch_size: int,
        shuffle: bool = False,
        *,
        seed: int | None = None,
        drop_last: bool = False,
    ) -> None:
        if not isinstance(ds, Dataset):
            raise ArgumentError(f"DataLoader: ds must be a Dataset, is {type(ds).__name__}; "
                                "make one with Dataset(X, y)")  # fmt: skip
        self.ds = ds
        self.batch_size = check_count("DataLoader", "batch_size", batch_size)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        self.key = (
            next_key("shuffle") if seed is None else Key(check_seed("DataLoader", seed), "shuffle")
        )
        self.epoch = 0
        if len(self) == 0:
            raise ArgumentError(
                f"DataLoader: batch_size must be at most the {len(ds)} samples with "
                f"drop_last=True, is {batch_size}"
            )

    def __len__(self) -> int:
        full, rest = divmod(len(self.ds), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        backend = backend_of(self.ds.X)
        return _gather(backend, self.ds.X, self.ds.y, self.order(), self.slices())

    def order(self) -> np.ndarray | None:
        """Return the next epoch's order of the samples (None: as they lie) and count the epoch."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self.key.generator(epoch).permutation(len(self.ds)) if self.shuffle else None

    def slices(self) -> list[slice]:
        """Return which part of an epoch's order each batch is."""
        size = self.batch_size
        return [slice(i * size, min((i + 1) * size, len(self.ds))) for i in range(len(self))]

    def to(self, model: Layer) -> "Batches":
        """Return the same batches, where the model lies and in its dtype.

        Raises PlacementError if the data lie on another device than the model, DataError if a
        target makes no sense to the model's criterion or a number is too large for its dtype.
        """
        return Batches(self, model)


class Batches:
    """A loader's batches where a model lies. Loop over it; each loop is an epoch."""

    def __init__(self, loader: DataLoader, model: Any) -> None:
        self.loader, self.backend, self.dtype = loader, model.backend, model.dtype
        self._model, self._criterion = model, getattr(model, "criterion", None)
        self._shape: tuple[int, ...] | None = None
        X, y = loader.ds.X, loader.ds.y
        home = backend_of(X)
        if home.name != "numpy" and home is not self.backend:
            raise PlacementError(
                f"DataLoader: the data must lie on the host or with the model, on {self.backend}; "
                f"they lie on {home}. Move the model with .to({home.name!r})"
            )
        self.resident = not isinstance(X, np.memmap) and self._fits(X, y)
        if self.resident:
            self.X, self.y = self._stage(X, y)
            self._parts = [LazyBatch(self.X, self.y, None, part) for part in loader.slices()]

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        order, slices = self.loader.order(), self.loader.slices()
        if self.resident:
            return _gather(self.backend, self.X, self.y, order, slices)
        return self._stream(order, slices)

    def lazy(self) -> Iterator["LazyBatch"]:
        """Yield an epoch's batches before they are gathered, so that they can be put in place."""
        if not self.resident:
            yield from (LazyBatch(x, y, None, slice(None)) for x, y in self)
            return
        order = self.loader.order()
        rows = None if order is None else self.backend.asarray(order, self.backend.index_dtype())
        for batch in self._parts:
            batch.order = rows
            yield batch

    def _fits(self, X: Array, y: Array) -> bool:
        free = self.backend.free_memory()
        itemsize = np.dtype(self.dtype).itemsize
        return free is None or (prod(X.shape) + prod(y.shape)) * itemsize <= free * _SHARE

    def _stage(self, X: Array, y: Array) -> Batch:
        """Move and cast: the one place where data are, and values are looked at."""
        _check_fits("X", X, self.dtype)
        _check_fits("y", y, self.dtype)
        self._model.check_values(X)
        integers = self._model.takes == "integers"
        x = self.backend.asarray(X, self.backend.index_dtype() if integers else self.dtype)
        if self._criterion is None:
            return x, self.backend.asarray(y)
        self._criterion.check_targets(y, self._output_shape(x))
        return x, self._criterion.cast_targets(self.backend, y, self.dtype)

    def _output_shape(self, x: Array) -> tuple[int, ...]:
        """Return the shape of the model's output; one sample shows how many classes there are."""
        if self._shape is None:
            with skip_value_checks():
                self._shape = tuple(self._model.forward(x[:1, ...]).shape)
        return self._shape

    def _stream(self, order: np.ndarray | None, slices: list[slice]) -> Iterator[Batch]:
        """Yield batches from the host; a thread reads the next one meanwhile."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max_workers=1) as thread:
            ahead = thread.submit(self._read, order, slices[0])
            for following in (*slices[1:], None):
                X, y = ahead.result()
                if following is not None:
                    ahead = thread.submit(self._read, order, following)
                yield self._stage(X, y)

    def _read(self, order: np.ndarray | None, part: slice) -> Batch:
        """Gather one batch on the host, in its final size; never touches a device."""
        rows: Any = part if order is None else order[part]
        X, y = np.asarray(self.loader.ds.X[rows]), np.asarray(self.loader.ds.y[rows])
        _check_finite("X", X)
        return X, y


class LazyBatch:
    """One batch that is yet to be gathered: the rows order[part] of X and y (order None: part)."""

    __slots__ = ("X", "order", "part", "x_dtype", "x_shape", "y", "y_dtype", "y_shape")

    def __init__(self, X: Array, y: Array, order: Array | None, part: slice) -> None:
        self.X, self.y, self.order, self.part = X, y, order, part
        start, stop, _ = part.indices(X.shape[0])
        self.x_shape, self.y_shape = (stop - start, *X.shape[1:]), (stop - start, *y.shape[1:])
        self.x_dtype, self.y_dtype = X.dtype, y.dtype

    def gathered(self) -> Batch:
        """Return the batch as arrays of its own, or as views."""
        if self.order is None:
            return self.X[self.part, ...], self.y[self.part, ...]
        xp, rows = array_namespace(self.X), self.order[self.part]
        return xp.take(self.X, rows, axis=0), xp.take(self.y, rows, axis=0)


def _gather(
    backend: Backend, X: Array, y: Array, order: np.ndarray | None, slices: list[slice]
) -> Iterator[Batch]:
    """Yield batches from where the arrays lie; the order of an epoch is moved there once."""
    rows = None if order is None else backend.asarray(order, backend.index_dtype())
    for part in slices:
        yield LazyBatch(X, y, rows, part).gathered()


def _numbers(name: str, x: Any) -> Array:
    """Return x as an array of real numbers. Raises DtypeError if it is none."""
    if not hasattr(x, "shape") or hasattr(x, "columns") or hasattr(x, "iloc"):
        x = _to_numpy(name, x)
    if hasattr(x, "tocsr"):
        raise DtypeError(f"Dataset: {name} must be a dense array, is sparse; call {name}.toarray()")
    dtype = x.dtype
    if isinstance(dtype, np.dtype) and dtype.kind not in "biuf":
        raise DtypeError(
            f"Dataset: {name} must hold real numbers, is of dtype {dtype}; convert it, for example "
            f"with {name}.astype('float32')"
        )
    if not array_namespace(x).isdtype(dtype, ("bool", "integral", "real floating")):
        raise DtypeError(f"Dataset: {name} must hold real numbers, is of dtype {dtype}")
    if x.ndim == 0:
        raise ShapeError(f"Dataset: {name} must be (N, ...), is a single number")
    return x


def _to_numpy(name: str, x: Any) -> np.ndarray:
    try:
        return np.asarray(x)
    except ValueError as error:  # rows of different lengths
        raise DtypeError(
            f"Dataset: {name} must be an array or what numpy.asarray makes one of, is "
            f"{type(x).__name__} ({error})"
        ) from error


def _check_fits(name: str, x: Array, dtype: str) -> None:
    """Raise DataError if a number of x is too large for the dtype that it will be cast to."""
    if not is_float(x) or dtype_name(x.dtype) == dtype:
        return
    largest, limit = float(array_namespace(x).max(abs(x))), float(np.finfo(dtype).max)
    if largest > limit:
        raise DataError(
            f"Dataset: {name} must fit into {dtype}, which ends at {limit:.2g}; it holds "
            f"{largest:.2g}. Scale it, or use .to(dtype='float64')"
        )


def _check_finite(name: str, x: Array) -> None:
    xp = array_namespace(x)
    if not is_float(x):
        return
    finite = xp.isfinite(x)
    if not bool(xp.all(finite)):
        n_bad = int(xp.sum(xp.astype(~finite, xp.int32)))
        raise DataError(
            f"Dataset: {name} must be finite, {n_bad} of its numbers are NaN or infinite; drop or "
            "fill those samples first"
        )
