"""Adagrad, Adadelta and RMSprop: step sizes from the squares of past gradients."""

from typing import Unpack

from portanet.backends import array_namespace
from portanet.checks import check_number
from portanet.layer import Part
from portanet.optimizer import Optimizer
from portanet.optimizer_options import Common
from portanet.optimizers._ranges import check_ranges
from portanet.rule import Scalars, Schedule, Slots
from portanet.typing import Array


class Adagrad(Optimizer):
    """Divides by the root of the sum of all squared gradients: rare features keep large steps.

        g = grad + weight_decay value
        total <- total + g²
        value <- value - lr / (1 + (t - 1) lr_decay) g / (sqrt(total) + epsilon)

    lr > 0, lr_decay and weight_decay >= 0, initial_total >= 0, epsilon > 0.

    Raises ArgumentError if a number is out of its range.

    Source: Duchi, Hazan & Singer, "Adaptive subgradient methods", 2011; lr_decay is PyTorch's.

    >>> from portanet import Linear
    >>> Adagrad(Linear(1, 1), lr=0.1, lr_decay=1.0).scalars(2)
    {'lr': 0.05}
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_total: float = 0.0,
        epsilon: float = 1e-10,
        **common: Unpack[Common],
    ) -> None:
        self.lr_decay, self.weight_decay = lr_decay, weight_decay
        self.initial_total, self.epsilon = initial_total, epsilon
        super().__init__(model, lr, **common)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_ranges(self, at_least_zero=("lr_decay", "weight_decay", "initial_total"))

    def init(self, value: Array) -> Slots:
        """Return total = initial_total."""
        return {"total": array_namespace(value).full_like(value, self.initial_total)}

    def scalars(self, step: int) -> dict[str, float]:
        """Return the learning rate, which decays."""
        return {"lr": self.rate(step) / (1 + (step - 1) * self.lr_decay)}

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return value - lr g / (sqrt(total) + epsilon)."""
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        total = slots["total"] + grad * grad
        root = array_namespace(value).sqrt(total) + self.epsilon
        return value - scalars["lr"] * (grad / root), {"total": total}


class Adadelta(Optimizer):
    """Steps in the units of the value itself: the ratio of two running means.

        g = grad + weight_decay value
        v <- rho v + (1 - rho) g²
        delta = sqrt(d + epsilon) / sqrt(v + epsilon) g
        d <- rho d + (1 - rho) delta²
        value <- value - lr delta

    lr > 0 (the paper has none: 1), rho in [0, 1), epsilon > 0, weight_decay >= 0.

    Raises ArgumentError if a number is out of its range.

    Source: Zeiler, "Adadelta: an adaptive learning rate method", 2012, algorithm 1.

    >>> from portanet import Linear
    >>> sorted(Adadelta(Linear(1, 1)).init(Linear(1, 1).weights.value))
    ['d', 'v']
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule = 1.0,
        *,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        self.rho, self.epsilon, self.weight_decay = rho, epsilon, weight_decay
        super().__init__(model, lr, **common)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_ranges(self, below_one=("rho",))

    def init(self, value: Array) -> Slots:
        """Return v = d = 0."""
        return {name: array_namespace(value).zeros_like(value) for name in ("v", "d")}

    def scalars(self, step: int) -> dict[str, float]:
        """Return the learning rate."""
        return {"lr": self.rate(step)}

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return value - lr delta."""
        xp, rho = array_namespace(value), self.rho
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        v = rho * slots["v"] + (1 - rho) * (grad * grad)
        delta = xp.sqrt(slots["d"] + self.epsilon) / xp.sqrt(v + self.epsilon) * grad
        d = rho * slots["d"] + (1 - rho) * (delta * delta)
        return value - scalars["lr"] * delta, {"v": v, "d": d}


class RMSprop(Optimizer):
    """Divides by the root of the running mean of squared gradients.

        g = grad + weight_decay value
        v <- alpha v + (1 - alpha) g²
        root = sqrt(v) + epsilon            centered: sqrt(v - m²) + epsilon, with m the mean of g
        value <- value - lr g / root        with momentum: a velocity of g / root, as in SGD

    lr > 0, alpha in [0, 1), momentum in [0, 1], epsilon > 0, weight_decay >= 0.

    Raises ArgumentError if a number is out of its range.

    Source: Tieleman & Hinton, lecture 6.5, 2012; centered: Graves, "Generating sequences with
    recurrent neural networks", 2013, equations 38 to 41. Epsilon stands outside the root, as in
    PyTorch (in Graves and in TensorFlow inside). Rounding can make v - m² negative, where PyTorch
    gives NaN; here it is treated as 0.

    >>> from portanet import Linear
    >>> sorted(RMSprop(Linear(1, 1), centered=True).init(Linear(1, 1).weights.value))
    ['m', 'v']
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule = 1e-2,
        *,
        alpha: float = 0.99,
        momentum: float = 0.0,
        centered: bool = False,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        self.alpha, self.momentum, self.centered = alpha, momentum, centered
        self.epsilon, self.weight_decay = epsilon, weight_decay
        super().__init__(model, lr, **common)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_ranges(self, below_one=("alpha",))
        check_number("RMSprop", "momentum", self.momentum, 0, 1)

    def init(self, value: Array) -> Slots:
        """Return v = 0, and m = 0 if centered, velocity = 0 with momentum."""
        names = ["v", *(["m"] if self.centered else []), *(["velocity"] if self.momentum else [])]
        return {name: array_namespace(value).zeros_like(value) for name in names}

    def scalars(self, step: int) -> dict[str, float]:
        """Return the learning rate."""
        return {"lr": self.rate(step)}

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return value - lr g / root, or value - lr velocity."""
        xp = array_namespace(value)
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        v = self.alpha * slots["v"] + (1 - self.alpha) * (grad * grad)
        new = {"v": v}
        if self.centered:
            m = new["m"] = slots["m"] + (1 - self.alpha) * (grad - slots["m"])
            variance = v - m * m
            v = xp.maximum(variance, xp.zeros_like(variance))
        move = grad / (xp.sqrt(v) + self.epsilon)
        if self.momentum:
            move = new["velocity"] = self.momentum * slots["velocity"] + move
        return value - scalars["lr"] * move, new
