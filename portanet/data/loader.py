"""DataLoader: the order of an epoch's samples, and how it is cut into batches."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from portanet.backends import backend_of
from portanet.checks import check_count, check_flag
from portanet.constructors import CalledType
from portanet.data.batches import Batches
from portanet.data.dataset import Dataset
from portanet.data.epoch import checked_order, checked_slice, is_in_data_order
from portanet.data.lazy_array import is_lazy
from portanet.data.lazy_batch import Batch, cut
from portanet.elsewhere import OfLoaders
from portanet.errors import ArgumentError, short
from portanet.layer import Layer
from portanet.options import Option
from portanet.overrides import is_overridden
from portanet.random import Key, check_seed, generator_at, next_key
from portanet.reprs import call_of


class DataLoader(OfLoaders, metaclass=CalledType):
    """Cuts a data set into batches, epoch after epoch.

    Every sample comes once an epoch: the last batch is shorter where batch_size does not divide
    N, unless drop_last. With shuffle each epoch has its own order, drawn from (seed, epoch).
    Without a seed it is `portanet.seed`'s, and every loader has a stream of its own. All options
    may be changed: the next epoch follows them.

    Looping over a loader gives batches (x, y) as the data set has them; `to(model)` gives them
    where the model lies, in its dtype. A Trainer does that by itself.

    A subclass may define `order()`, to sample in its own way, `slices()`, or `__iter__`, which then
    says what the batches are: pairs (x, y) of arrays.

    Raises ArgumentError if a value is out of its range.

    >>> loader = DataLoader(Dataset([[1.0], [2.0], [3.0]], [0, 1, 0]), batch_size=2)
    >>> [x.shape for x, y in loader]
    [(2, 1), (1, 1)]
    """

    shuffle = Option(check_flag)
    drop_last = Option(check_flag)

    def __init__(
        self,
        ds: Dataset,
        batch_size: int,
        shuffle: bool = False,
        *,
        seed: int | None = None,
        drop_last: bool = False,
    ) -> None:
        self.ds = ds
        self.batch_size = batch_size
        self.shuffle, self.drop_last = shuffle, drop_last
        self.key = (
            next_key("shuffle") if seed is None else Key(check_seed("DataLoader", seed), "shuffle")
        )
        self.epoch = 0  # how many orders have been drawn
        if len(self) == 0:
            raise ArgumentError(
                f"DataLoader: batch_size must be at most the {len(ds)} samples with "
                f"drop_last=True, is {batch_size}; for example batch_size={len(ds)}"
            )

    @property
    def ds(self) -> Dataset:
        """The data set."""
        return self._ds

    @ds.setter
    def ds(self, ds: Dataset) -> None:
        if not isinstance(ds, Dataset):
            raise ArgumentError(
                f"DataLoader: ds must be a Dataset, is {short(ds)}; make one with Dataset(X, y)"
            )
        self._ds = ds

    @property
    def batch_size(self) -> int:
        """How many samples a batch has; the last of an epoch may have fewer."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, batch_size: int) -> None:
        self._batch_size = check_count("DataLoader", "batch_size", batch_size)

    def __len__(self) -> int:
        full, rest = divmod(len(self.ds), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        order, parts = self.next_epoch()
        ds = self.ds
        if ds.makes_batches() or any(map(is_lazy, ds.arrays())):
            return (ds.__getitem__(part if order is None else order[part]) for part in parts)
        backend = backend_of(ds.arrays()[0])
        rows = None if order is None else backend.asarray(order, backend.index_dtype())
        return (batch.gathered() for batch in cut(*ds.checked(), rows, parts))

    def from_batch(self, start: int) -> Iterator[Batch]:
        """Return the batches of the next epoch from number `start` on."""
        return islice(self.__iter__(), start, None)

    def order(self) -> np.ndarray | None:
        """Return the next epoch's order of the samples (None: as they lie) and count the epoch.

        Within `in_data_order` it is None, and no epoch is counted.
        """
        if is_in_data_order():
            return None
        epoch, self.epoch = self.epoch, self.epoch + 1
        rng = generator_at(self.key.position(epoch))
        return rng.permutation(len(self.ds)) if self.shuffle else None

    def slices(self) -> list[slice]:
        """Return which part of an epoch's order each batch is."""
        return self._cut(len(self.ds))

    def next_epoch(self) -> tuple[np.ndarray | None, list[slice]]:
        """Return the order of the next epoch's samples, and which part of it each batch is.

        Raises ArgumentError if a subclass's order() or slices() gives no such thing.
        """
        order = self.order()
        if self.has_own_order():
            order = checked_order(self, order)
        n = len(self.ds) if order is None else order.shape[0]
        if self.has_own_slices():
            return order, [checked_slice(self, part, n) for part in self.slices()]
        return order, self._cut(n)

    def makes_batches(self) -> bool:
        """Return whether a subclass, of this class or of Dataset, says what a batch is."""
        return is_overridden(self, DataLoader, "__iter__") or self.ds.makes_batches()

    def has_own_order(self) -> bool:
        """Return whether a subclass says which samples an epoch has, and in which order."""
        return is_overridden(self, DataLoader, "order")

    def has_own_slices(self) -> bool:
        """Return whether a subclass says how an epoch is cut into batches."""
        return is_overridden(self, DataLoader, "slices")

    def to(self, model: Layer) -> Batches:
        """Return the same batches, where the model lies and in its dtype.

        Raises PlacementError if the data lie on another device than the model, DataError if a
        target makes no sense to the model's criterion or a number is too large for its dtype.
        """
        return Batches(self, model)

    def __repr__(self) -> str:
        own = {name: getattr(self, name) for name in ("shuffle", "drop_last")}
        return call_of(self, self.ds, self.batch_size, **own)

    def _cut(self, n: int) -> list[slice]:
        """Return the slices of n samples, batch by batch."""
        size = self.batch_size
        parts = [slice(stop - size, stop) for stop in range(size, n + 1, size)]
        if n % size and not self.drop_last:
            parts.append(slice(n - n % size, n))
        return parts[: len(self)] if is_overridden(self, DataLoader, "__len__") else parts
