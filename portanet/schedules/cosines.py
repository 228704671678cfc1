"""Rates along half a cosine (or a line): decreasing, or increasing and decreasing."""

from dataclasses import dataclass
from math import cos, inf, pi

from portanet.checks import check_choice, check_count, check_number
from portanet.constructors import CalledType
from portanet.schedules._checks import check_options


@dataclass(frozen=True)
class Cosine(metaclass=CalledType):
    """lowest + (lr - lowest) (1 + cos(π step / n_steps)) / 2; lowest from then on.

    PyTorch's CosineAnnealingLR, which increases again after n_steps (T_max). With `restarts` the
    curve restarts at its end, each time `longer` times as long (CosineAnnealingWarmRestarts).

    The loss of the same name is portanet.Cosine.

    Source: Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
    equation 5.

    >>> Cosine(0.1, 100)(0), Cosine(0.1, 100)(50), Cosine(0.1, 100, restarts=True)(100)
    (0.1, 0.05, 0.1)
    """

    lr: float
    n_steps: int
    lowest: float = 0.0
    restarts: bool = False
    longer: int = 1

    def __post_init__(self) -> None:
        check_count("Cosine", "n_steps", self.n_steps)
        check_count("Cosine", "longer", self.longer)
        check_options(self, lr=(self.lr, 0, inf), lowest=(self.lowest, 0, inf))

    def __call__(self, step: int) -> float:
        """Return the rate of a step (0, 1, …)."""
        length = self.n_steps
        while self.restarts and step >= length:
            if self.longer == 1:
                step %= length
            else:
                step, length = step - length, length * self.longer
        return _cosine(self.lr, self.lowest, min(step, length) / length)


@dataclass(frozen=True)
class OneCycle(metaclass=CalledType):
    """Up from lr / start to lr in a share of n_steps, then down to lr / start / end.

    Both ways along half a cosine, or with annealing="linear" along straight lines.

    PyTorch's OneCycleLR (max_lr, pct_start, div_factor, final_div_factor, anneal_strategy), without
    its cycle of the momentum. The last step is n_steps - 1; the rate is constant from there on.

    Source: Smith & Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", 2018.

    >>> schedule = OneCycle(0.25, 11, up=0.5)
    >>> [round(schedule(step), 6) for step in (0, 4, 10)]
    [0.01, 0.242763, 1e-06]
    >>> OneCycle(0.25, 11, up=0.5, annealing="linear")(1)
    0.0633333...
    """

    lr: float
    n_steps: int
    up: float = 0.3
    start: float = 25.0
    end: float = 1e4
    annealing: str = "cosine"

    def __post_init__(self) -> None:
        check_count("OneCycle", "n_steps", self.n_steps, 2)
        for name, value, high in (
            ("up", self.up, 1),
            ("start", self.start, inf),
            ("end", self.end, inf),
        ):
            check_number("OneCycle", name, value, 0, high, open_low=name != "up")
        check_options(self, lr=(self.lr, 0, inf))
        check_choice("OneCycle", "annealing", self.annealing, ("cosine", "linear"))

    def __call__(self, step: int) -> float:
        """Return the rate of a step (0, 1, …)."""
        between = _cosine if self.annealing == "cosine" else _line
        first, last = self.lr / self.start, self.lr / self.start / self.end
        top, final = self.up * self.n_steps - 1, self.n_steps - 1
        step = min(step, final)
        if step <= top:
            return between(first, self.lr, step / top if top else 1.0)
        return between(self.lr, last, (step - top) / (final - top))


def _cosine(start: float, end: float, share: float) -> float:
    """Return the value of half a cosine from start to end after a share of its length."""
    return end + (start - end) / 2 * (1 + cos(pi * share))


def _line(start: float, end: float, share: float) -> float:
    """Return the value of a straight line from start to end after a share of its length."""
    return start + (end - start) * share
