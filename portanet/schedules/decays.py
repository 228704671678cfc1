"""Decreasing and constant rates."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from portanet.checks import check_count
from portanet.constructors import CalledType
from portanet.schedules._checks import check_options, check_rising


@dataclass(frozen=True)
class Constant(metaclass=CalledType):
    """lr, at every step.

    >>> Constant(0.1)(1000)
    0.1
    """

    lr: float

    def __post_init__(self) -> None:
        check_options(self, lr=(self.lr, 0, inf))

    def __call__(self, step: int) -> float:  # noqa: ARG002
        """Return the rate of a step (0, 1, …)."""
        return self.lr


@dataclass(frozen=True)
class StepDecay(metaclass=CalledType):
    """lr gamma^(step // every) (StepLR of PyTorch).

    >>> schedule = StepDecay(0.8, every=10, gamma=0.5)
    >>> schedule(9), schedule(10), schedule(20)
    (0.8, 0.4, 0.2)
    """

    lr: float
    every: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_count("StepDecay", "every", self.every)
        check_options(self, lr=(self.lr, 0, inf), gamma=(self.gamma, 0, inf))

    def __call__(self, step: int) -> float:
        """Return the rate of a step (0, 1, …)."""
        return self.lr * self.gamma ** (step // self.every)


@dataclass(frozen=True)
class MultiStep(metaclass=CalledType):
    """lr gamma^(number of milestones reached) (MultiStepLR of PyTorch).

    >>> schedule = MultiStep(0.8, [10, 30], gamma=0.5)
    >>> schedule(9), schedule(10), schedule(30)
    (0.8, 0.4, 0.2)
    """

    lr: float
    milestones: Sequence[int]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_rising("MultiStep", "milestones", self.milestones)
        check_options(self, lr=(self.lr, 0, inf), gamma=(self.gamma, 0, inf))

    def __call__(self, step: int) -> float:
        """Return the rate of a step (0, 1, …)."""
        return self.lr * self.gamma ** bisect_right(self.milestones, step)


@dataclass(frozen=True)
class Exponential(metaclass=CalledType):
    """lr gamma^step (ExponentialLR of PyTorch).

    >>> Exponential(0.8, 0.5)(2)
    0.2
    """

    lr: float
    gamma: float

    def __post_init__(self) -> None:
        check_options(self, lr=(self.lr, 0, inf), gamma=(self.gamma, 0, inf))

    def __call__(self, step: int) -> float:
        """Return the rate of a step (0, 1, …)."""
        return self.lr * self.gamma**step


@dataclass(frozen=True)
class Polynomial(metaclass=CalledType):
    """(lr - lowest) (1 - step / n_steps)^power + lowest; lowest from then on.

    power = 1 is a straight line (PolynomialLR of PyTorch, where lowest is 0).

    >>> Polynomial(0.8, 4)(1), Polynomial(0.8, 4, power=2.0)(2)
    (0.6..., 0.2)
    """

    lr: float
    n_steps: int
    power: float = 1.0
    lowest: float = 0.0

    def __post_init__(self) -> None:
        check_count("Polynomial", "n_steps", self.n_steps)
        check_options(
            self, lr=(self.lr, 0, inf), power=(self.power, 0, inf), lowest=(self.lowest, 0, inf)
        )

    def __call__(self, step: int) -> float:
        """Return the rate of a step (0, 1, …)."""
        left = 1 - min(step, self.n_steps) / self.n_steps
        return (self.lr - self.lowest) * left**self.power + self.lowest
