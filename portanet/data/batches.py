"""Batches: a loader's batches where a model lies."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain, repeat
from math import prod
from operator import length_hint
from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.checks import dtype_name
from portanet.data.blocks import batches_a_block, batches_in_blocks
from portanet.data.epoch import in_data_order
from portanet.data.lazy_array import is_lazy
from portanet.data.lazy_batch import Batch, LazyBatch, cut, whole
from portanet.data.moving import moved
from portanet.data.rank_rows import OwnPart, after_reading, length, of_joined, own_rows
from portanet.data.reading import (
    Job,
    Reader,
    checked_batch,
    jobs_begun,
    read_ahead,
    reads,
    transform_of,
)
from portanet.data.staging import Staging
from portanet.errors import DataError
from portanet.layer import Layer
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
        own = loader.makes_batches() or reads(loader)
        self.resident = not own and self._fits(*loader.ds.arrays())
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

    def lazy(self, start: int = 0, own: OwnPart | None = None) -> Iterator[LazyBatch]:
        """Return an epoch's batches before they are gathered, so that they can be put in place.

        From batch `start` on they are those of the epoch that was begun last. With `own`, which
        says of the slice of a batch what a rank has of it, they are that rank's rows.

        Raises DataError if the loader gives no batch.
        """
        loader = self.loader
        if start:
            loader.epoch = max(0, loader.epoch - 1)  # a subclass's order() may count none
        batches = self._resident if self.resident else self._moved
        found = batches(loader, start, own)
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

    def _resident(self, loader: Any, start: int, own: OwnPart | None) -> Iterator[LazyBatch]:
        _, order, parts = loader.begin_epoch()
        parts = parts[start:]
        rows = None if order is None else self.backend.asarray(order, self.backend.index_dtype())
        batches = cut(self.X, self.y, rows, parts if own is None else list(map(own, parts)))
        if loader.has_own_order():  # a compiled step gathers by permutations of the data only
            batches = (whole(*batch.gathered()) for batch in batches)
        return batches if own is None else map(of_joined, batches, map(length, parts))

    def _moved(self, loader: Any, start: int, own: OwnPart | None) -> Iterator[LazyBatch]:
        """Return the batches of a subclass, or of data that stay on the host, once moved."""
        lengths = None
        if loader.has_own_batches():
            batches = self._staged(loader, loader.from_batch(start))
        else:
            jobs, lengths = jobs_begun(loader, start, own)
            batches = self._read(loader, jobs)
        if own is None:
            return batches
        if lengths is None:
            return map(own_rows, batches, repeat(own))
        return map(after_reading, batches, repeat(own), lengths)

    def _read(self, loader: Any, jobs: Iterator[Job]) -> Iterator[LazyBatch]:
        reader = Reader(loader.ds, loader.key)
        size = batches_a_block(loader, reader)
        if size > 1 and self.backend.name != "cupy":  # there copies run beside the device's work
            return batches_in_blocks(loader, reader, jobs, size, self._stage)
        return self._staged(loader, read_ahead(loader, reader, jobs))

    def _staged(self, loader: Any, found: Iterator[Any]) -> Iterator[LazyBatch]:
        checked = partial(checked_batch, type(loader).__name__)
        return moved(found, checked if loader.makes_batches() else tuple, self._stage)


def _source(loader: Any, model: Any) -> list[Any]:
    """Return the objects that staged data depend on."""
    ds, own = loader.ds, loader.makes_batches()
    data = [] if own else ds.arrays()
    criterion, layers = getattr(model, "criterion", None), getattr(model, "layers", ())
    return [own, ds, transform_of(ds), *data, model, criterion, *layers]


def _is(a: Any, b: Any) -> bool:
    return a is b
