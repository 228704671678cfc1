"""Batches: a loader's batches where a model lies."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain
from math import prod
from operator import length_hint
from queue import SimpleQueue
from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.backends._numpy.workers import Workers, result_of
from portanet.checks import dtype_name
from portanet.data.epoch import in_data_order
from portanet.data.lazy_array import in_memory, is_lazy
from portanet.data.lazy_batch import Batch, LazyBatch, cut, whole
from portanet.data.rows import rows_of
from portanet.data.samples import all_numbers, check_pair
from portanet.data.staging import Staging
from portanet.data.values import check_finite
from portanet.errors import DataError, DtypeError, short
from portanet.layer import Layer
from portanet.several import Arrays, labels, like, map_parts, parts_of
from portanet.typing import Array

_SHARE = 0.5  # of the free device memory that a data set may take: the network wants some, too


class Batches:
    """A DataLoader's batches where a model lies. Loop over it; each loop is an epoch.

    `resident` data lie on the model's device as a whole, in `X` and `y`; others are moved batch by
    batch. With `weak` the loader is not kept alive.
    """

    def __init__(self, loader: Any, model: Layer, *, weak: bool = False) -> None:
        self._loader: Callable[[], Any] = weakref.ref(loader) if weak else lambda: loader
        self._source = _source(loader, model)
        self._stage = Staging(model)
        self.backend, self.dtype = model.placement
        self.resident = not loader.makes_batches() and self._fits(*loader.ds.arrays())
        if self.resident:
            self.X, self.y = self._stage(*loader.ds.checked())

    @property
    def loader(self) -> Any:
        """The DataLoader."""
        return self._loader()

    def __repr__(self) -> str:
        n = length_hint(self.loader, -1)  # a stream's is unknown
        how_many = "" if n < 0 else f"{n} of "
        return f"{type(self).__name__}({how_many}{self.loader}, on {self.backend})"

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        return (batch.gathered() for batch in self.lazy())

    def lazy(self, start: int = 0) -> Iterator[LazyBatch]:
        """Return an epoch's batches before they are gathered, so that they can be put in place.

        From batch `start` on they are those of the epoch that was begun last.

        Raises DataError if the loader gives no batch.
        """
        loader = self.loader
        if start:
            loader.epoch = max(0, loader.epoch - 1)  # a subclass's order() may count none
        found = self._resident(loader, start) if self.resident else self._moved(loader, start)
        first = next(found, None)
        if start:
            return iter(()) if first is None else chain((first,), found)
        if first is None:
            raise DataError(
                f"{type(loader).__name__}: an epoch must have at least one batch, has none; look "
                "at batch_size and drop_last, or at what __iter__ yields when it is called again"
            )
        return chain((first,), found)

    def in_data_order(self) -> AbstractContextManager[None]:
        """Within this block the batches are not shuffled, and the loader counts no epoch."""
        return in_data_order(self.loader)

    def is_current(self, model: Layer) -> bool:
        """Return whether what is staged is still what the loader has and the model wants."""
        if model.placement != (self.backend, self.dtype):
            return False
        now = _source(self.loader, model)
        return len(now) == len(self._source) and all(map(_is, now, self._source))

    def _fits(self, *data: Array) -> bool:
        """Return whether the data may lie on the device as a whole."""
        if any(map(is_lazy, data)):
            return False
        free = self.backend.free_memory()
        n_numbers = sum(prod(x.shape) for x in data if not self._lies_there(x))
        return free is None or n_numbers * np.dtype(self.dtype).itemsize <= free * _SHARE

    def _lies_there(self, x: Array) -> bool:
        return backend_of(x) is self.backend and dtype_name(x.dtype) == self.dtype

    def _resident(self, loader: Any, start: int) -> Iterator[LazyBatch]:
        order, parts = loader.next_epoch()
        parts = parts[start:]
        rows = None if order is None else self.backend.asarray(order, self.backend.index_dtype())
        batches = cut(self.X, self.y, rows, parts)
        if loader.has_own_order():  # a compiled step gathers by permutations of the data only
            return (whole(*batch.gathered()) for batch in batches)
        return batches

    def _moved(self, loader: Any, start: int) -> Iterator[LazyBatch]:
        """Return the batches of a subclass, or of data that stay on the host, once moved."""
        if loader.makes_batches():
            who = type(loader).__name__
            found = (_checked(who, batch) for batch in loader.from_batch(start))
        else:
            order, parts = loader.next_epoch()
            X, y = loader.ds.checked()
            found = _read_ahead(X, y, order, parts[start:])
        return (whole(*self._stage(X, y)) for X, y in found)


def _source(loader: Any, model: Any) -> list[Any]:
    """Return the objects that staged data depend on."""
    ds, own = loader.ds, loader.makes_batches()
    data = [] if own else ds.arrays()
    criterion, layers = getattr(model, "criterion", None), getattr(model, "layers", ())
    return [own, ds, *data, model, criterion, *layers]


def _is(a: Any, b: Any) -> bool:
    return a is b


def _checked(who: str, batch: Any) -> Batch:
    """Return a batch that a subclass has made as arrays. Raises what Dataset raises."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        length = f" of length {len(batch)}" if isinstance(batch, tuple | list) else ""
        came = f"{type(batch).__name__}{length}" if length else short(batch)
        raise DtypeError(
            f"{who}: a batch must be a pair (x, y), is {came}; yield the "
            "inputs and the targets of its samples"
        )
    X, y = (in_memory(all_numbers(name, x)) for name, x in zip("Xy", batch, strict=True))
    check_pair(who, X, y)
    for name, x in (("X", X), ("y", y)):
        for label, part in zip(labels(name, x), parts_of(x), strict=True):
            check_finite(label, part)
    return X, y


def _read_ahead(
    X: Arrays, y: Arrays, order: np.ndarray | None, parts: list[slice]
) -> Iterator[Batch]:
    """Yield batches from the host; a thread reads the next one meanwhile."""
    thread, answers = Workers(1), SimpleQueue()
    for i, part in enumerate(parts):
        thread.start(partial(_read, X, y, order, part), answers)
        if i:
            yield result_of(answers.get())
    if parts:
        yield result_of(answers.get())


def _read(X: Arrays, y: Arrays, order: np.ndarray | None, part: slice) -> Batch:
    """Gather one batch where the data lie."""
    rows: Any = part if order is None else order[part]

    def read(label: str, x: Array) -> Array:
        found = rows_of(x, rows)
        check_finite(label, found)
        return found

    return tuple(map_parts(read, like(x, labels(name, x)), x) for name, x in (("X", X), ("y", y)))
