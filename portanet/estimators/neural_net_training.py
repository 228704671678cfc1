"""The data of an estimator's training: checked samples, those kept for validation, batches."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from portanet.backends import backend_of
from portanet.checks import check_count, check_number
from portanet.data import DataLoader, Dataset
from portanet.data.rows import rows_of
from portanet.typing import Array


class Samples(NamedTuple):
    """Inputs, targets in the terms of a loss, and weights or None, all on one backend.

    Inputs may be a sparse matrix of SciPy's.
    """

    X: Array
    y: Array
    weights: Array | None

    def rows(self, index: np.ndarray) -> "Samples":
        """Return some of the samples."""
        X = self.X[index] if hasattr(self.X, "tocsr") else rows_of(self.X, index)
        weights = None if self.weights is None else rows_of(self.weights, index)
        return Samples(X, rows_of(self.y, index), weights)


def split(
    who: str, samples: Samples, fraction: float, seed: int, *, stratified: bool
) -> tuple[Samples, Samples | None]:
    """Return the samples to train on, and a fraction to validate with, drawn from a seed.

    `stratified`: with about as many of each class as there are in all. Raises ArgumentError unless
    the fraction is in [0, 1), and scikit-learn's ValueError if there are too few samples for it.
    """
    check_number(who, "validation_fraction", fraction, 0, 1, open_high=True)
    if fraction == 0:
        return samples, None
    labels = backend_of(samples.y).to_numpy(samples.y) if stratified else None
    index = np.arange(samples.X.shape[0])
    train, val = train_test_split(index, test_size=fraction, random_state=seed, stratify=labels)
    return samples.rows(np.sort(train)), samples.rows(np.sort(val))


def loader(who: str, samples: Samples, batch_size: Any, seed: int, *, shuffle: bool) -> DataLoader:
    """Return the batches of samples; where there are fewer samples than batch_size, one."""
    size = check_count(who, "batch_size", batch_size)
    data = Dataset(samples.X, samples.y, sample_weight=samples.weights)
    return DataLoader(data, min(size, len(data)), shuffle=shuffle, seed=seed)
