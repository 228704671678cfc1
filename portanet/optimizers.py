"""How parameters move: Optimizer and SGD.

A rule is one pure array-API formula for one parameter and one host-side rule for the numbers that
change with the step, so that the same code runs eagerly, compiled and in JAX:

    init(value) -> slots            the arrays that a parameter drags along, by name
    scalars(step) -> numbers        what depends on the step only, by name
    update(value, grad, slots, scalars) -> value, slots
"""

from collections.abc import Mapping

from portanet.backends import backend_of
from portanet.checks import check_number, dtype_name
from portanet.errors import ArgumentError, OrderError
from portanet.layer import Parameter, Part
from portanet.typing import Array

Slots = dict[str, Array]


class Optimizer:
    """Walks over a model's parameters and applies a rule to each.

    `lr` is the learning rate, a number > 0; it may be changed between steps.

    Raises ArgumentError if the model has no parameters or a number is out of its range.
    """

    def __init__(self, model: Part, lr: float) -> None:
        who = type(self).__name__
        if not isinstance(model, Part):
            raise ArgumentError(
                f"{who}: model must be a network such as Sequential([...], loss), is {model!r}"
            )
        if not model.named_parameters():
            raise ArgumentError(f"{who}: the model has no parameters, so there is nothing to train")
        self.model = model
        self.lr = check_number(who, "lr", lr, 0, float("inf"), open_low=True)
        self.n_steps = 0
        self._slots: dict[str, Slots] = {}
        self._used: dict[str, Array] = {}

    def init(self, value: Array) -> Slots:
        """Return the slots that a parameter starts with."""
        raise NotImplementedError

    def scalars(self, step: int) -> dict[str, float]:
        """Return the numbers that step (1, 2, …) needs."""
        raise NotImplementedError

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Mapping[str, float]
    ) -> tuple[Array, Slots]:
        """Return the value and the slots after one step."""
        raise NotImplementedError

    def step(self) -> None:
        """Move every parameter once. Raises OrderError unless backward has set new gradients."""
        parameters = self.model.named_parameters()
        for name, parameter in parameters.items():
            self._check_grad(name, parameter)
        self.n_steps += 1
        scalars = self.scalars(self.n_steps)
        for name, parameter in parameters.items():
            slots = self._slots_of(name, parameter.value)
            parameter.value, self._slots[name] = self.update(
                parameter.value, parameter.grad, slots, scalars
            )
            self._used[name] = parameter.grad

    def _check_grad(self, name: str, parameter: Parameter) -> None:
        who = type(self).__name__
        if parameter.grad is None or parameter.grad is self._used.get(name):
            state = "no gradient" if parameter.grad is None else "a gradient that was used before"
            raise OrderError(
                f"{who}.step(): {name} has {state}; run model.forward(x, training=True), the "
                "criterion and model.backward() before each step()"
            )

    def _slots_of(self, name: str, value: Array) -> Slots:
        """Return a parameter's slots, made at its first step, on the model's backend."""
        slots = self._slots.get(name)
        if slots is None:
            return self.init(value)
        target, dtype = backend_of(value), dtype_name(value.dtype)
        for key, slot in slots.items():  # the model may have moved since: everything follows it
            here = backend_of(slot)
            if here is not target:
                slots[key] = target.asarray(here.to_numpy(slot), dtype)
            elif slot.dtype != value.dtype:
                slots[key] = target.asarray(slot, dtype)
        return slots


class SGD(Optimizer):
    """value <- value - lr grad.

    lr > 0. Gradients are of the mean loss, so lr does not depend on the batch size.

    Source: Robbins & Monro, "A stochastic approximation method", 1951.

    >>> from portanet import Linear
    >>> layer = Linear(1, 1)
    >>> optimizer = SGD(layer, lr=0.5)
    >>> before = layer.weights.value
    >>> layer.weights.grad, layer.bias.grad = before, layer.bias.value + 1
    >>> optimizer.step()
    >>> bool(layer.weights.value == before / 2), layer.bias.value
    (True, array([-0.5], dtype=float32))
    """

    def init(self, value: Array) -> Slots:  # noqa: ARG002 - the signature is the contract
        """Return nothing: plain SGD remembers nothing."""
        return {}

    def scalars(self, step: int) -> dict[str, float]:  # noqa: ARG002
        """Return the learning rate."""
        return {"lr": self.lr}

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Mapping[str, float]
    ) -> tuple[Array, Slots]:
        """Return value - lr grad."""
        return value - scalars["lr"] * grad, slots
