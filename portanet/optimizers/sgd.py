"""Stochastic gradient descent."""

from typing import Unpack

from portanet.backends import array_namespace
from portanet.checks import check_number
from portanet.errors import ArgumentError
from portanet.layer import Part
from portanet.optimizer import Optimizer
from portanet.optimizer_options import Common
from portanet.rule import Scalars, Schedule, Slots
from portanet.typing import Array


class SGD(Optimizer):
    """value <- value - lr grad, or with momentum:

        g = grad + weight_decay value
        velocity <- momentum velocity + g
        value <- value - lr velocity                    (nesterov: g + momentum velocity)

    lr > 0. Gradients are of the mean loss, so lr does not depend on the batch size. momentum is in
    [0, 1], weight_decay >= 0; nesterov needs momentum > 0.

    Raises ArgumentError if a number is out of its range.

    Source: Robbins & Monro, "A stochastic approximation method", 1951; Sutskever, Martens, Dahl &
    Hinton, "On the importance of initialization and momentum in deep learning", 2013. They
    include lr in the velocity; here, as in PyTorch, a change of lr takes full effect at once.

    >>> from portanet import Linear
    >>> layer = Linear(1, 1)
    >>> optimizer = SGD(layer, lr=0.5)
    >>> before = layer.weights.value
    >>> layer.weights.grad, layer.bias.grad = before, layer.bias.value + 1
    >>> optimizer.step()
    >>> bool(layer.weights.value == before / 2), layer.bias.value
    (True, array([-0.5], dtype=float32))
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        super().__init__(model, lr, **common)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_number("SGD", "momentum", self.momentum, 0, 1)
        check_number("SGD", "weight_decay", self.weight_decay, 0, float("inf"))
        if self.nesterov and not self.momentum:
            raise ArgumentError(
                "SGD: nesterov needs a momentum > 0, it is 0; for example momentum=0.9"
            )

    def init(self, value: Array) -> Slots:
        """Return a velocity of 0; without momentum there are no slots."""
        return {"velocity": array_namespace(value).zeros_like(value)} if self.momentum else {}

    def scalars(self, step: int) -> dict[str, float]:
        """Return the learning rate."""
        return {"lr": self.rate(step)}

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return value - lr grad, or value - lr velocity."""
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        if not self.momentum:
            return value - scalars["lr"] * grad, slots
        velocity = self.momentum * slots["velocity"] + grad
        move = grad + self.momentum * velocity if self.nesterov else velocity
        return value - scalars["lr"] * move, {"velocity": velocity}
