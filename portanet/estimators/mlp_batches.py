"""The batches of an MLP's fit: scikit-learn's order of samples, drawn from its random_state."""

import numpy as np

from portanet.data import DataLoader, Dataset
from portanet.data.epoch import is_in_data_order


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
