"""Lion: the sign of a momentum."""

from typing import Unpack

from portanet.backends import array_namespace
from portanet.layer import Part
from portanet.optimizer import Optimizer
from portanet.optimizer_options import Common
from portanet.optimizers._ranges import check_ranges
from portanet.optimizers.adam import decayed
from portanet.rule import Scalars, Schedule, Slots
from portanet.typing import Array


class Lion(Optimizer):
    """Every element moves by lr exactly, in the direction that the momentum gives.

        c = beta1 m + (1 - beta1) grad
        value <- value - lr (sign(c) + weight_decay value)
        m <- beta2 m + (1 - beta2) grad

    lr > 0, three to ten times smaller than for AdamW, with a weight_decay as many times larger.
    beta1 and beta2 in [0, 1), weight_decay >= 0.

    Raises ArgumentError if a number is out of its range.

    Source: Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2.

    >>> from portanet import Linear
    >>> layer = Linear(1, 2)
    >>> optimizer = Lion(layer, lr=0.5)
    >>> layer.weights.grad, layer.bias.grad = layer.weights.value, layer.bias.value + 9
    >>> optimizer.step()
    >>> layer.bias.value
    array([-0.5, -0.5], dtype=float32)
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule = 1e-4,
        *,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        self.beta1, self.beta2, self.weight_decay = beta1, beta2, weight_decay
        super().__init__(model, lr, **common)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_ranges(self, below_one=("beta1", "beta2"), positive=())

    def init(self, value: Array) -> Slots:
        """Return m = 0."""
        return {"m": array_namespace(value).zeros_like(value)}

    def scalars(self, step: int) -> dict[str, float]:
        """Return the learning rate."""
        return {"lr": self.rate(step)}

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return value - lr (sign(c) + weight_decay value)."""
        m, lr = slots["m"], scalars["lr"]
        move = _sign(self.beta1 * m + (1 - self.beta1) * grad)
        if self.weight_decay:
            value = decayed(value, lr * self.weight_decay)
        return value - lr * move, {"m": self.beta2 * m + (1 - self.beta2) * grad}


def _sign(x: Array) -> Array:
    """Return -1, 0 or 1, and NaN for NaN; array_api_compat's own waits for the device."""
    xp = array_namespace(x)
    ones = xp.ones_like(x)
    return xp.where(x > 0, ones, xp.where(x < 0, -ones, x))
