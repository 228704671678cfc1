"""What a row of the tables is: LayerCase and LossCase, and what rows are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import portanet


@dataclass(frozen=True)
class LayerCase:
    """One layer, an input for it, and how PyTorch computes the same.

    `torch(layer, x, parameters)` gets PyTorch tensors of x and of the layer's parameters, by the
    names of `named_parameters()`, and returns the output; PyTorch's autograd does the rest.
    `ulps` is how far float32 may be from float64, in units of float32's last place at the array's
    largest number. `kinks` says that x is kept away from where there is no derivative.
    """

    id: str
    make: Callable[[], Any]
    shape: tuple[int, ...]
    torch: Callable[..., Any] | None = None
    x: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray] | None = None
    ulps: float = 16
    empty: bool = True  # a batch of no samples works, forward and backward
    single: bool = True  # so does a batch of one

    def input(self, n: int | None = None) -> np.ndarray:
        """Return x in float64 (or integers), for the row's own or another number of samples."""
        shape = self.shape if n is None else (n, *self.shape[1:])
        rng = np.random.default_rng(sum(map(ord, self.id)))
        return (self.x or away_from_zero)(rng, shape)

    def layer(self) -> Any:
        """Return the layer with parameters that are not zero, in float64 on NumPy."""
        portanet.seed(1)
        layer = self.make().to(dtype="float64")
        rng = np.random.default_rng(1)
        for parameter in layer.parameters():
            parameter.value = parameter.value + 0.1 * rng.standard_normal(parameter.value.shape)
        return layer


def away_from_zero(rng, shape):
    """Numbers of both signs, all at least 0.05 from 0, where many activations have a kink."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.05, 2.0, shape)


@dataclass(frozen=True)
class LossCase:
    """One loss, predictions and targets for it, and how PyTorch computes the same.

    `torch(y_hat, y, weight)` returns PyTorch's mean loss; `weight` is None or one number a sample.
    """

    id: str
    make: Callable[[], Any]
    y_hat: Callable[[np.random.Generator], np.ndarray]
    y: Callable[[np.random.Generator], np.ndarray]
    torch: Callable[..., Any] | None = None
    ulps: float = 16

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(sum(map(ord, self.id)))
        return self.y_hat(rng), self.y(rng)


def weighted(losses, weight):
    """The mean of PyTorch's unreduced losses (N, ...), with one weight a sample or without."""
    losses = losses.reshape(losses.shape[0], -1).mean(dim=1)
    return losses.mean() if weight is None else (weight * losses).sum() / weight.sum()
