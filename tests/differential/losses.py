"""The losses of the programs: the rows of the tables, more options, and users' own."""

from dataclasses import dataclass, field

import numpy as np
from cases import LOSSES as ROWS
from cases_base import LossCase

from portanet import MSE, BCEWithLogits, CrossEntropy, LogSoftmax, Sigmoid, Softplus
from portanet.verify.catalogue.losses import distributions, integers, labels, normal

WEIGHTS = [0.3, 1.7, 0.0, 2.9]
LINKS = {"BinaryCrossEntropy": Sigmoid, "PoissonNLL of rates": Softplus, "KLDiv": LogSoftmax,
         "KLDiv of logarithms": LogSoftmax}  # fmt: skip


@dataclass
class Factor:
    value: float = 1.0


class OwnLoss(MSE):
    """A user's loss, k times MSE; `config` may change."""

    def __init__(self):
        self.config = Factor()

    def factor(self):
        return self.config.value

    def loss(self, y_hat, y):
        return super().loss(y_hat, y) * self.factor()

    def gradient(self, y_hat, y):
        return super().gradient(y_hat, y) * self.factor()

    def change(self, value):
        self.config.value = value


@dataclass
class Steps:
    n: int = 0
    seen: list = field(default_factory=list)


class AnnealedLoss(OwnLoss):
    """Counts the gradients that it gave."""

    def __init__(self):
        self.steps = Steps()

    def factor(self):
        return 1 / (1 + 0.1 * self.steps.n)

    def gradient(self, y_hat, y):
        grad = super().gradient(y_hat, y)
        self.steps.n += 1
        return grad

    def change(self, value):
        self.steps.n = 0


class NoisyLoss(OwnLoss):
    """Weighs each batch by chance."""

    def gradient(self, y_hat, y):
        return super().gradient(y_hat, y) * (0.5 + np.random.random())  # noqa: NPY002


class BranchingLoss(OwnLoss):
    """Limits large losses, with an `if`."""

    def factor(self):
        return 0.5 if self.large else 1.0

    def loss(self, y_hat, y):
        self.large = bool((y_hat - y).max() > 2)
        return super().loss(y_hat, y)


class KeepingLoss(MSE):
    """Keeps the worst loss, for the user to look at."""

    worst = None

    def loss(self, y_hat, y):
        losses = super().loss(y_hat, y)
        self.worst = losses.max() if losses.shape[0] else None
        return losses


MORE = [
    LossCase("CrossEntropy weighted", lambda: CrossEntropy(class_weights=WEIGHTS),
             normal(6, 4), integers(4, 6)),
    LossCase("CrossEntropy ignoring", lambda: CrossEntropy(ignore_index=2),
             normal(6, 4), integers(4, 6)),
    LossCase("CrossEntropy all", lambda: CrossEntropy(
        class_weights=WEIGHTS, ignore_index=1, label_smoothing=0.2), normal(6, 4), integers(4, 6)),
    LossCase("CrossEntropy smoothed probabilities", lambda: CrossEntropy(label_smoothing=0.1),
             normal(6, 4), distributions(6, 4)),
    LossCase("BCEWithLogits one", BCEWithLogits, normal(6, 1), labels(6, 1)),
]  # fmt: skip
OWN = [
    LossCase(cls.__name__, cls, normal(6, 3), normal(6, 3))
    for cls in (OwnLoss, AnnealedLoss, NoisyLoss, BranchingLoss, KeepingLoss)
]
LOSSES = {row.id: row for row in [*ROWS, *MORE, *OWN]}


def targets(name: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n targets of a loss, in float64 or integers."""
    six = LOSSES[name].y(rng)
    drawn = [six, *(LOSSES[name].y(rng) for _ in range(n // 6))]
    return np.concatenate(drawn)[:n]


def output_shape(name: str) -> tuple[int, ...]:
    """Return the shape of one prediction that a loss takes."""
    return LOSSES[name].y_hat(np.random.default_rng(0)).shape[1:]
