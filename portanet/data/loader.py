"""DataLoader: the order of an epoch's samples, and how it is cut into batches."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from portanet.backends import backend_of
from portanet.checks import check_count, check_flag
from portanet.constructors import CalledType
from portanet.data.batches import Batches
from portanet.data.dataset import Dataset
from portanet.data.epoch import checked_order, checked_slice, is_in_data_order, slices_of
from portanet.data.lazy_batch import Batch, cut
from portanet.data.processes import Processes
from portanet.data.reading import batches_read, reads
from portanet.data.sampling import Sampler, sampler_named
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

    `sampler` draws the samples of an epoch, with replacement: "balanced" (each class of y alike), a
    WeightedSampler or a BalancedSampler.

    Batches that are read, transformed, or of an own `__getitem__` are made by `workers` threads (or
    `processes`; None: 1, but 0 for an own `__getitem__`), `prefetch` ahead (None: 2 a worker).

    A subclass may define `order()`, to sample in its own way, `slices()`, or `__iter__`, which then
    says what the batches are: pairs (x, y) of arrays.

    Raises ArgumentError if a value is out of its range.

    >>> loader = DataLoader(Dataset([[1.0], [2.0], [3.0]], [0, 1, 0]), batch_size=2)
    >>> [x.shape for x, y in loader]
    [(2, 1), (1, 1)]
    """

    _sampler: Sampler | None = None  # of a Stream
    shuffle = Option(check_flag)
    drop_last = Option(check_flag)
    workers = Option(check_count, 0, none=True)
    processes = Option(check_flag)
    prefetch = Option(check_count, 0, none=True)

    def __init__(
        self,
        ds: Dataset,
        batch_size: int,
        shuffle: bool = False,
        *,
        seed: int | None = None,
        drop_last: bool = False,
        sampler: Sampler | str | None = None,
        workers: int | None = None,
        processes: bool = False,
        prefetch: int | None = None,
    ) -> None:
        self.ds = ds
        self.batch_size, self.sampler = batch_size, sampler_named(sampler, shuffle=shuffle)
        self.shuffle, self.drop_last = shuffle, drop_last
        self.workers, self.processes, self.prefetch = workers, processes, prefetch
        self.pool = Processes()
        self.key = (
            next_key("shuffle") if seed is None else Key(check_seed("DataLoader", seed), "shuffle")
        )
        self.epoch = 0  # how many orders have been drawn
        if len(self) == 0:
            raise ArgumentError(
                f"DataLoader: batch_size must be at most the {self._n_samples()} samples with "
                f"drop_last=True, is {batch_size}; for example batch_size={self._n_samples()}"
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

    @property
    def sampler(self) -> Sampler | None:
        """What says which samples an epoch has; None: each comes once."""
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: Sampler | str | None) -> None:
        self._sampler = sampler_named(sampler)

    def __len__(self) -> int:
        full, rest = divmod(self._n_samples(), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        if reads(self):
            return batches_read(self)
        ds = self.ds
        _, order, parts = self.begin_epoch()
        backend = backend_of(ds.arrays()[0])
        rows = None if order is None else backend.asarray(order, backend.index_dtype())
        return (batch.gathered() for batch in cut(*ds.checked(), rows, parts))

    def from_batch(self, start: int) -> Iterator[Batch]:
        """Return the batches of the next epoch from number `start` on."""
        return islice(self.__iter__(), start, None)

    def order(self) -> np.ndarray | None:
        """Return the next epoch's order (None: as samples lie); evaluations are not counted."""
        if is_in_data_order():
            return None
        epoch, self.epoch = self.epoch, self.epoch + 1
        rng = generator_at(self.key.position(epoch))
        if self.sampler is not None:
            return self.sampler.order(self.ds, rng)
        return rng.permutation(len(self.ds)) if self.shuffle else None

    def slices(self) -> list[slice]:
        """Return which part of an epoch's order each batch is."""
        return self._cut(len(self.ds) if is_in_data_order() else self._n_samples())

    def begin_epoch(self) -> tuple[int, np.ndarray | None, list[slice]]:
        """Return the next epoch's number (an evaluation: 0), its order, and each batch's part."""
        begun = self.epoch
        order = self.order()
        if self.epoch == begun and not is_in_data_order():
            self.epoch += 1  # a subclass's order() may count none
        if self.has_own_order():
            order = checked_order(self, order)
        number = 0 if is_in_data_order() else begun
        n = len(self.ds) if order is None else order.shape[0]
        if self.has_own_slices():
            return number, order, [checked_slice(self, part, n) for part in self.slices()]
        return number, order, self._cut(n)

    def makes_batches(self) -> bool:
        """Return whether a subclass, of this class or of Dataset, says what a batch is."""
        return self.has_own_batches() or self.ds.makes_batches()

    def has_own_batches(self) -> bool:
        """Return whether a subclass of this class says what a batch is."""
        return is_overridden(self, DataLoader, "__iter__")

    def has_own_order(self) -> bool:
        """Return whether a subclass says which samples an epoch has, and in which order."""
        return self.sampler is not None or is_overridden(self, DataLoader, "order")

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
        names = ("shuffle", "drop_last", "sampler", "workers", "processes", "prefetch")
        return call_of(self, self.ds, self.batch_size, **{n: getattr(self, n) for n in names})

    def _n_samples(self) -> int:
        """Return how many samples an epoch has."""
        return len(self.ds) if self.sampler is None else self.sampler.n_samples(self.ds)

    def _cut(self, n: int) -> list[slice]:
        """Return the slices of n samples, batch by batch."""
        parts = slices_of(n, self.batch_size, drop_last=self.drop_last)
        return parts[: len(self)] if is_overridden(self, DataLoader, "__len__") else parts
