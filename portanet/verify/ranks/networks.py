"""Networks that ranks train: each with something that a rank by itself would compute otherwise.

Column 0 of the inputs tells samples apart. An epoch has four batches, the last one short but where
each rank has statistics of its own, which one row does not have.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from portanet.data import Dataset
from portanet.layers import BatchNorm1d, Dropout, Linear, Tanh
from portanet.losses import CrossEntropy
from portanet.optimizer import Optimizer
from portanet.optimizers import SGD, Adam
from portanet.schedules import Cosine, Plateau, WarmUp
from portanet.sequential import Sequential

BATCH, N_EPOCHS = 32, 5


@dataclass(frozen=True)
class RankCase:
    """A network, what moves it, and its data.

    middle      makes the layers between two Linear ones
    optimizer   makes the optimizer of a model
    n           how many samples there are
    is_weighted whether samples have weights
    ignored     the label whose samples do not count, None without one
    is_joined   whether one rank computes the same; else (statistics of each rank) only the ranks
                are compared with each other
    """

    name: str
    middle: Callable[[], list[Any]] = list
    optimizer: Callable[[Sequential], Optimizer] = field(default=lambda m: Adam(m, lr=0.01))
    n: int = 103
    is_weighted: bool = False
    ignored: int | None = None
    is_joined: bool = True

    def model(self, *first: Any) -> Sequential:
        """Return the network as it starts, behind some more layers."""
        layers = [*first, Linear(5, 12), Tanh(), *self.middle(), Linear(12, 2)]
        if self.ignored is None:
            return Sequential(layers, CrossEntropy())
        return Sequential(layers, CrossEntropy(ignore_index=self.ignored, class_weights=[1.0, 3.0]))

    def data(self) -> Dataset:
        """Return the samples."""
        rng = np.random.default_rng(3)
        X, w = rng.normal(size=(self.n, 5)), rng.uniform(0.2, 2.0, size=self.n)
        X[:, 0] = np.linspace(-2, 2, self.n)
        y = (X[:, 0] * X[:, 1] > 0).astype(int)
        if self.ignored is not None:
            y[::3] = self.ignored
        return Dataset(X, y, sample_weight=w) if self.is_weighted else Dataset(X, y)


def _momentum(model: Sequential) -> Optimizer:
    return SGD(model, lr=0.1, momentum=0.9)


CASES = [
    RankCase("dropout", lambda: [Dropout(0.4), Linear(12, 12), Dropout(0.2)], _momentum),
    RankCase("batch norm, joined", lambda: [BatchNorm1d(12, sync=True)], _momentum),
    RankCase(
        "batch norm, of each rank", lambda: [BatchNorm1d(12)], _momentum, n=128, is_joined=False
    ),
    RankCase("sample weights", is_weighted=True),
    RankCase("ignored targets", ignored=7),
    RankCase("last batch of one row", lambda: [Dropout(0.1)], n=97),
    RankCase("schedule", optimizer=lambda m: SGD(m, lr=WarmUp(Cosine(0.2, 20), 5), momentum=0.9)),
    RankCase(
        "schedule that follows the loss", optimizer=lambda m: Adam(m, lr=Plateau(0.01, patience=0))
    ),
    RankCase("accumulation", lambda: [Dropout(0.2)], lambda m: Adam(m, lr=0.02, accumulate=3)),
    RankCase("clipping", optimizer=lambda m: SGD(m, lr=1.0, clip_norm=0.05)),
]
