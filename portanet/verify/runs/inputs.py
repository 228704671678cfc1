"""Inputs of a case: drawn from one seed, and rounded to float32, so that float64 computes with
the same numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Draw:
    """What an input is drawn by: a seed, a number of samples (0: the row's own), a layout."""

    seed: int = 0
    n: int = 0
    layout: str = "contiguous"

    def generator(self, *what: str) -> np.random.Generator:
        """Return the generator of the numbers called `what`.

        >>> float(Draw(1).generator("Linear", "x").random().round(4))
        0.5567
        """
        return np.random.default_rng([self.seed, *"/".join(what).encode()])

    def __str__(self) -> str:
        return f"seed {self.seed}" + f", N = {self.n}" * bool(self.n) + self._layout()

    def _layout(self) -> str:
        return "" if self.layout == "contiguous" else f", {self.layout} input"


def rounded(x: Any) -> np.ndarray:
    """Return numbers that float32 has, as float64; integers as they are."""
    x = np.asarray(x)
    return x.astype(np.float32).astype(np.float64) if x.dtype.kind == "f" else x
