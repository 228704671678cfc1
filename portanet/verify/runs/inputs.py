"""Inputs of a case: drawn from one seed, and rounded to float32.

So float32 and float64 compute with the same numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

SPECIAL = {"NaN": np.nan, "inf": np.inf, "-inf": -np.inf, "-0": -0.0, "denormals": 2.0**-133}
BOUND = "the smallest normal number"  # which some probabilities are at least
_VALUES = {**SPECIAL, BOUND: 2.0**-126}
_SHARE = 8  # one number in so many is special


@dataclass(frozen=True)
class Draw:
    """What an input is drawn by: a seed, a number of samples (0: the row's own), a layout.

    `special` names numbers of SPECIAL, or BOUND, that replace some of the input's, "" for none.
    """

    seed: int = 0
    n: int = 0
    layout: str = "contiguous"
    special: str = ""

    def generator(self, *what: str) -> np.random.Generator:
        """Return the generator of the numbers called `what`.

        >>> round(Draw(1).generator("Linear", "x").random(), 4)
        0.3001
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


def sprinkled(x: np.ndarray, draw: Draw) -> np.ndarray:
    """Return x with the special numbers of a draw among its floats, at least one."""
    if not draw.special or x.dtype.kind != "f" or not x.size:
        return x
    rng, x = draw.generator("special", str(x.shape)), np.array(x)
    where = rng.choice(x.size, 1 + x.size // _SHARE, replace=False)
    x.reshape(-1)[where] = _VALUES[draw.special]
    return x
