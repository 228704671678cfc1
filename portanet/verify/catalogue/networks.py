"""Networks that trajectories train: small ones, with what training has beside layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from portanet.layers import (
    GRU,
    BatchNorm2d,
    Conv2d,
    Embedding,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Tanh,
    TransformerBlock,
)
from portanet.losses import MSE, BCEWithLogits, CrossEntropy
from portanet.optimizer import Optimizer
from portanet.optimizers import SGD, Adam, AdamW, Group, RMSprop, is_vector
from portanet.random import seed
from portanet.schedules import Cosine, WarmUp
from portanet.sequential import Sequential

Batch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class NetworkCase:
    """A network, the optimizer that trains it, and what draws a batch. `chance`: it has dropout."""

    name: str
    make: Callable[[], Sequential]
    optimizer: Callable[[Any], Optimizer]
    batch: Callable[[np.random.Generator], Batch]
    chance: bool = False

    kind = "network"

    def network(self) -> Sequential:
        """Return the network as it starts, on NumPy in float32."""
        seed(3)
        return self.make()


def _perceptron() -> Sequential:
    return Sequential([Linear(6, 16), ReLU(), Linear(16, 8), Tanh(), Linear(8, 1)], BCEWithLogits())


def _convolution() -> Sequential:
    layers = [Conv2d(1, 4, 3, padding="same"), BatchNorm2d(4), Tanh(), MaxPool2d(2), Flatten()]
    return Sequential([*layers, Linear(36, 3)], CrossEntropy())


def _transformer() -> Sequential:
    block = TransformerBlock(8, 2, causal=True, dropout=0.2)
    return Sequential([Embedding(11, 8, padding_index=10), block, Linear(8, 11)], CrossEntropy())


def _recurrent() -> Sequential:
    return Sequential([GRU(3, 5, return_sequences=False), Linear(5, 2)], MSE())


def _labels(rng: np.random.Generator) -> Batch:
    x = rng.standard_normal((16, 6))
    return x, (x[:, :1] * x[:, 1:2] > 0).astype(np.float64)


def _images(rng: np.random.Generator) -> Batch:
    y = rng.integers(0, 3, 8)
    return rng.standard_normal((8, 1, 6, 6)) + y[:, None, None, None], y


def _tokens(rng: np.random.Generator) -> Batch:
    tokens = rng.integers(0, 11, (4, 6))
    return tokens[:, :-1], tokens[:, 1:]


def _series(rng: np.random.Generator) -> Batch:
    x = rng.standard_normal((8, 5, 3))
    return x, x.mean(axis=1)[:, :2]


NETWORKS = [
    NetworkCase(
        "perceptron, SGD with momentum, cosine schedule",
        _perceptron,
        lambda model: SGD(model, lr=WarmUp(Cosine(0.3, 20), 3), momentum=0.9),
        _labels,
    ),
    NetworkCase(
        "convolution, Adam, clipped",
        _convolution,
        lambda model: Adam(model, lr=0.01, clip_norm=0.5),
        _images,
    ),
    NetworkCase(
        "transformer with dropout, AdamW in groups, accumulating",
        _transformer,
        lambda model: AdamW(
            model, lr=0.01, accumulate=2, groups=[Group(is_vector, weight_decay=0.0)]
        ),
        _tokens,
        chance=True,
    ),
    NetworkCase("GRU, RMSprop", _recurrent, lambda model: RMSprop(model, lr=0.003), _series),
]
