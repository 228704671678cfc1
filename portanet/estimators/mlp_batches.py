"""The batches of an MLP's fit: scikit-learn's order of samples, drawn from its random_state."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np

from portanet.data import Batches, DataLoader, Dataset
from portanet.data.epoch import is_in_data_order
from portanet.data.lazy_batch import LazyBatch, kind_of_batch
from portanet.data.rank_rows import OwnPart
from portanet.layer import Layer


class ShuffledLoader(DataLoader):
    """A loader whose order of an epoch is that of the last one, permuted by a RandomState.

    These are the numbers that scikit-learn's `shuffle(sample_idx, random_state=rng)` draws.
    """

    def __init__(
        self, ds: Dataset, batch_size: int, rng: np.random.RandomState, *, shuffle: bool
    ) -> None:
        self.rng, self.rows = rng, np.arange(len(ds))
        super().__init__(ds, batch_size, shuffle, seed=0, workers=0)

    def order(self) -> np.ndarray | None:
        """Return the next epoch's order; None: as samples lie."""
        if is_in_data_order() or not self.shuffle:
            return None
        drawn = np.arange(len(self.rows))
        self.rng.shuffle(drawn)
        self.rows = self.rows[drawn]
        return self.rows

    def has_own_order(self) -> bool:
        """Return False: it is a permutation, and need not be looked at for that."""
        return False

    def to(self, model: Layer) -> Batches:
        """Return the same batches, where the model lies and in its dtype."""
        return ShuffledBatches(self, model)


class ShuffledBatches(Batches):
    """The batches of a ShuffledLoader: an epoch that begins knows how it is cut."""

    def __init__(self, loader: ShuffledLoader, model: Layer) -> None:
        super().__init__(loader, model)
        self._parts, self._kinds = loader.slices(), []
        if self.resident:
            lengths = [part.stop - part.start for part in self._parts]
            self._kinds = [kind_of_batch(self.X, self.y, n) for n in lengths]

    def lazy(self, start: int = 0, own: OwnPart | None = None) -> Iterator[LazyBatch]:
        """Return an epoch's batches before they are gathered."""
        if start or own is not None or not self.resident:
            return super().lazy(start, own)
        rows: Any = self.loader.order()
        if rows is not None and self.backend.name != "numpy":
            rows = self.backend.asarray(rows, self.backend.index_dtype())
        return map(
            LazyBatch, repeat(self.X), repeat(self.y), self._kinds, repeat(rows), self._parts
        )
