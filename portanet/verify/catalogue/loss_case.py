"""LossCase: a row of the tables of losses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class LossCase:
    """One loss, and what draws predictions and targets for it, of some samples."""

    name: str
    make: Callable[[], Any]
    y_hat: Draw
    y: Draw

    kind = "loss"

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return predictions in float64, and targets."""
        return self.y_hat(rng), self.y(rng)
