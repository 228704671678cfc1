"""Adam and AdamW."""

from math import sqrt
from typing import Unpack

from portanet.backends import array_namespace
from portanet.layer import Part
from portanet.optimizer import Optimizer
from portanet.optimizer_options import Common
from portanet.optimizers._ranges import check_ranges
from portanet.rule import Scalars, Schedule, Slots
from portanet.typing import Array


class Adam(Optimizer):
    """Steps of about lr in each direction, whatever the gradient's scale there.

        g = grad + weight_decay value
        m <- beta1 m + (1 - beta1) g           the mean of the gradients
        v <- beta2 v + (1 - beta2) g²          the mean of their squares
        value <- value - lr m̂ / (sqrt(v̂) + epsilon)

    with m̂ = m / (1 - beta1^t) and v̂ = v / (1 - beta2^t) in step t = 1, 2, …: both means start
    from 0, and the weights of the gradients in them add up to 1 - beta^t. `amsgrad` divides by the
    largest v so far, so that steps cannot grow again.

    lr > 0, beta1 and beta2 in [0, 1), epsilon > 0, weight_decay >= 0.

    Raises ArgumentError if a number is out of its range.

    Source: Kingma & Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1; Reddi,
    Kale & Kumar, "On the convergence of Adam and beyond", 2018. As in PyTorch epsilon is added
    after the bias correction (TensorFlow adds it before), and amsgrad keeps the largest v, not v̂.

    >>> from portanet import Linear
    >>> layer = Linear(1, 1)
    >>> optimizer = Adam(layer, lr=0.5)
    >>> layer.weights.grad, layer.bias.grad = layer.weights.value, layer.bias.value + 9
    >>> optimizer.step()
    >>> layer.bias.value.round(5)
    array([-0.5], dtype=float32)
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.weight_decay, self.amsgrad = weight_decay, amsgrad
        super().__init__(model, lr, **common)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_ranges(self, below_one=("beta1", "beta2"))

    def init(self, value: Array) -> Slots:
        """Return m = v = 0, and with amsgrad the largest v so far, 0."""
        names = ("m", "v", "largest_v") if self.amsgrad else ("m", "v")
        return {name: array_namespace(value).zeros_like(value) for name in names}

    def scalars(self, step: int) -> dict[str, float]:
        """Return lr / (1 - beta1^t) and the root of 1 - beta2^t."""
        lr = self.rate(step)
        return {
            "lr": lr,
            "step_size": lr / (1 - self.beta1**step),
            "root_correction": sqrt(1 - self.beta2**step),
        }

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return value - lr m̂ / (sqrt(v̂) + epsilon)."""
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        return self._move(value, grad, slots, scalars)

    def _move(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return the value and the slots after a step without weight decay."""
        xp = array_namespace(value)
        slots = slots | moments(grad, slots, self.beta1, self.beta2)
        v = slots["v"]
        if self.amsgrad:
            v = slots["largest_v"] = xp.maximum(slots["largest_v"], v)
        root = xp.sqrt(v) / scalars["root_correction"] + self.epsilon
        return value - scalars["step_size"] * (slots["m"] / root), slots


class AdamW(Adam):
    """Adam whose weight decay is apart from the gradient: value <- (1 - lr weight_decay) value,
    then Adam's step.

    Each weight shrinks at the same rate; in Adam, one with large gradients would shrink less.
    Biases and the scales of normalizations should not decay:
    `AdamW(model, groups=[Group(is_vector, weight_decay=0.0)])`.

    lr > 0, beta1 and beta2 in [0, 1), epsilon > 0, weight_decay >= 0.

    Raises ArgumentError if a number is out of its range.

    Source: Loshchilov & Hutter, "Decoupled weight decay regularization", 2019, algorithm 2. As in
    PyTorch the decay is multiplied by lr; in the paper by the schedule's factor alone.

    >>> from portanet import Linear
    >>> layer = Linear(1, 1)
    >>> optimizer = AdamW(layer, lr=0.5, weight_decay=1.0)
    >>> layer.weights.grad, layer.bias.grad = 0 * layer.weights.value, 0 * layer.bias.value
    >>> before = layer.weights.value
    >>> optimizer.step()
    >>> bool(layer.weights.value == before / 2)
    True
    """  # noqa: D205 - the formula comes first

    def __init__(
        self,
        model: Part,
        lr: float | Schedule = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(
            model, lr, beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=weight_decay,
            amsgrad=amsgrad, **common,
        )  # fmt: skip

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return Adam's step from (1 - lr weight_decay) value."""
        if self.weight_decay:
            value = decayed(value, scalars["lr"] * self.weight_decay)
        return self._move(value, grad, slots, scalars)


def decayed(value: Array, rate: float) -> Array:
    """Return (1 - rate) value; 1 - rate itself would be rounded to the same side in every step."""
    return value - rate * value


def moments(grad: Array, slots: Slots, beta1: float, beta2: float) -> Slots:
    """Return the running means m and v after one more gradient."""
    return {
        "m": slots["m"] + (1 - beta1) * (grad - slots["m"]),
        "v": beta2 * slots["v"] + (1 - beta2) * (grad * grad),
    }
