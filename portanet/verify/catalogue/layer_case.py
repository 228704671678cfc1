"""LayerCase: a row of the tables of layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from portanet.random import seed

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class LayerCase:
    """One layer and an input for it.

    `make` returns the layer; `shape` is that of x, whose first axis are the samples, and `x` draws
    it: numbers that keep clear of kinks, where there is no derivative. `empty` says that a batch of
    no samples works, `single` that one of a single sample does. `fixed` says that the layer has
    side inputs of shape[0] samples, so that there are no more samples.
    """

    name: str
    make: Callable[[], Any]
    shape: tuple[int, ...]
    x: Draw | None = None
    empty: bool = True
    single: bool = True
    fixed: bool = False

    kind = "layer"

    def draw(self, rng: np.random.Generator, n: int | None = None) -> np.ndarray:
        """Return x in float64 (or integers), for the row's own or another number of samples."""
        shape = self.shape if n is None else (n, *self.shape[1:])
        return (self.x or away_from_zero)(rng, shape)

    def layer(self) -> Any:
        """Return the layer with parameters that are not zero, in float64 on NumPy."""
        seed(1)
        layer = self.make().to(dtype="float64")
        rng = np.random.default_rng(1)
        for parameter in layer.parameters():
            parameter.value = parameter.value + 0.1 * rng.standard_normal(parameter.value.shape)
        return layer


def away_from_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers of both signs, at least 0.05 from 0, where many activations have a kink."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.05, 2.0, shape)
