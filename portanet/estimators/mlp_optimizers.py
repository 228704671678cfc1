"""scikit-learn's sgd and adam: their formulas differ from SGD's and Adam's in small things."""

from math import sqrt

from portanet.backends import array_namespace
from portanet.layer import Part
from portanet.optimizer import Optimizer
from portanet.rule import Scalars, Slots
from portanet.typing import Array


class Rate:
    """A learning rate that is assigned between epochs."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, step: int) -> float:  # noqa: ARG002 - it depends on the epochs
        """Return the rate."""
        return self.value


class MLPOptimizer(Optimizer):
    """An optimizer whose learning rate changes between epochs."""

    lr: Rate  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def learning_rate(self) -> float:
        """The learning rate, under scikit-learn's name."""
        return self.lr.value


class MLPSGD(MLPOptimizer):
    """velocity <- momentum velocity - lr grad
    value <- value + velocity                       (nesterov: + momentum velocity - lr grad)

    A learning rate that changes takes effect on later gradients only: in SGD the velocity is
    multiplied by it, here it is in the velocity.

    Source: Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and momentum in
    deep learning", 2013, as in scikit-learn's SGDOptimizer.
    """  # noqa: D205 - the formula comes first

    def __init__(self, model: Part, rate: Rate, *, momentum: float, nesterov: bool) -> None:
        self.momentum, self.nesterov = momentum, nesterov
        super().__init__(model, rate)

    def init(self, value: Array) -> Slots:
        """Return a velocity of 0."""
        return {"velocity": array_namespace(value).zeros_like(value)}

    def scalars(self, step: int) -> dict[str, float]:
        """Return the learning rate."""
        return {"lr": self.rate(step)}

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return the value and the velocity after a step."""
        step = scalars["lr"] * grad
        velocity = self.momentum * slots["velocity"] - step
        move = self.momentum * velocity - step if self.nesterov else velocity
        return value + move, {"velocity": velocity}


class MLPAdam(MLPOptimizer):
    """m <- beta1 m + (1 - beta1) grad,   v <- beta2 v + (1 - beta2) grad²
    value <- value - lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)

    The bias corrections are in the step size, so that epsilon is added to the root of v as it is
    (in Adam, to the corrected one).

    Source: Kingma & Ba, "Adam: a method for stochastic optimization", 2015, the end of section 2,
    as in scikit-learn's AdamOptimizer.
    """  # noqa: D205 - the formula comes first

    def __init__(
        self, model: Part, rate: Rate, *, beta1: float, beta2: float, epsilon: float
    ) -> None:
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        super().__init__(model, rate)

    def init(self, value: Array) -> Slots:
        """Return m = v = 0."""
        xp = array_namespace(value)
        return {"m": xp.zeros_like(value), "v": xp.zeros_like(value)}

    def scalars(self, step: int) -> dict[str, float]:
        """Return the step size lr sqrt(1 - beta2^t) / (1 - beta1^t)."""
        corrected = sqrt(1 - self.beta2**step) / (1 - self.beta1**step)
        return {"step_size": self.rate(step) * corrected}

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return the value, m and v after a step."""
        xp = array_namespace(value)
        m = self.beta1 * slots["m"] + (1 - self.beta1) * grad
        v = self.beta2 * slots["v"] + (1 - self.beta2) * (grad * grad)
        step = scalars["step_size"] * m / (xp.sqrt(v) + self.epsilon)
        return value - step, {"m": m, "v": v}
