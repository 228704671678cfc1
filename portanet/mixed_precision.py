"""Mixed precision: forward and backward in 16 bits a number, weights and updates in float32.

    forward    y = float32(layers(half(x), half(w)))          the loss is computed in float32
    backward   G = S dL/dy in half, through the layers;  dL/dw = float32(S dL/dw) / S
    update     w <- w - lr dL/dw in float32; no weight moves if a gradient is infinite or NaN

S is the loss scale (loss_scale.py). All of it stays on the device.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from portanet.backends import array_namespace, backend_of
from portanet.checks import check_choice, is_float, name_of_known
from portanet.commit import update_together
from portanet.errors import ArgumentError, DtypeError, short
from portanet.half import (
    HALVES,
    as_float32,
    computes_in_float32,
    epsilon_at_work,
    half_precision,
)
from portanet.loss_scale import LossScale, all_finite
from portanet.parameter import Holder
from portanet.part import Part
from portanet.several import Arrays, map_parts, parts_of
from portanet.sides import taken_grads
from portanet.typing import Array

_one_at_a_time = RLock()  # while a pass is at work its network's parameters hold half copies


class MixedPrecision(Part):
    """How a float32 network computes in half precision: `model.precision = MixedPrecision(…)`.

    The model's forward and backward passes then run on copies of the parameters in `dtype`,
    "float16" or "bfloat16". What goes in and comes out (x, outputs, gradients) is float32, and so
    are parameters, optimizer slots, running statistics and files. Layers under `@in_float32`
    (normalizations, softmax, smooth activations) and the loss compute in float32.

    float16 has a loss scale: by default LossScale(), which starts at 2^16. bfloat16 has the range
    of float32 and needs none.

    Raises ArgumentError for another dtype, or a loss scale for bfloat16. A network on a device
    without fast half precision raises DtypeError where this is assigned, or in a forward pass.

    Source: Micikevicius et al., "Mixed precision training", 2018, sections 3.1 to 3.3.

    >>> MixedPrecision("bfloat16"), MixedPrecision("float16").loss_scale
    (MixedPrecision('bfloat16'), LossScale())
    """

    def __init__(self, dtype: str = "float16", loss_scale: LossScale | None = None) -> None:
        self.half = check_choice("MixedPrecision", "dtype", dtype, tuple(HALVES))
        if not isinstance(loss_scale, LossScale | None):
            raise ArgumentError(
                f"MixedPrecision: loss_scale must be a LossScale, is {short(loss_scale)}; for "
                "example LossScale(2.0**16)"
            )
        if dtype == "bfloat16" and loss_scale is not None:
            raise ArgumentError(
                "MixedPrecision: bfloat16 needs no loss_scale, it has the range of float32; leave "
                "it out"
            )
        self.loss_scale = LossScale() if dtype == "float16" and loss_scale is None else loss_scale
        self._side_grads: dict[str, Array] = {}

    def forward(self, model: Any, x: Arrays, sides: dict[str, Array], *, training: bool) -> Any:
        """Return the output of a model's layers in float32, computed in half precision."""
        if epsilon_at_work():
            raise ArgumentError(
                "MixedPrecision: the network around this one has a precision already, which its "
                "parts follow; set precision = None here"
            )
        with self._half_copies(model):
            sides = {name: self._as_half(side) for name, side in sides.items()}
            y = model.forward_layers(map_parts(self._as_half, x), sides, training=training)
        return map_parts(as_float32, y)

    def backward(self, model: Any, grad: Arrays) -> Any:
        """Return dL/dx in float32, and set all gradients, from dL/dy."""
        S = None if self.loss_scale is None else self.loss_scale.scale.value
        with self._half_copies(model):
            scaled = map_parts(lambda g: self._as_half(g if S is None else g * S), grad)
            for p in model.parameters():
                p.grad = None  # what this pass sets is to be divided, and nothing else
            grad = model.backward_layers(scaled)
        parameters = [p for p in model.parameters() if p.grad is not None]
        for p in parameters:
            p.grad = _unscaled(p.grad, S)
        self._side_grads = {n: _unscaled(g, S) for n, g in taken_grads(model.layers).items()}
        # a network without parameters has dL/dx only
        grads = [p.grad for p in parameters] or [g for g in parts_of(grad) if g is not None]
        if self.loss_scale is not None and grads:
            self.loss_scale.update(all_finite(grads))
        return map_parts(lambda g: _unscaled(g, S), grad)

    def take_side_grads(self) -> dict[str, Array]:
        """Return the gradients of side inputs that backward has left, by name; forget them."""
        grads, self._side_grads = self._side_grads, {}
        return grads

    def _as_half(self, x: Array) -> Array:
        """Return float32 in half precision; integers as they are, and float64, to compare with."""
        if name_of_known(x.dtype) != "float32":
            return x
        return array_namespace(x).astype(x, backend_of(x).half_dtype(self.half))

    @contextmanager
    def _half_copies(self, model: Any) -> Iterator[None]:
        """Within this block a model's parameters and buffers hold copies in half precision.

        What a layer has assigned meanwhile is kept, in float32.
        """
        with _one_at_a_time, half_precision(self.half):
            holders = _to_be_halved(model)
            own = [holder.value for holder in holders]
            halves = [self._as_half(value) for value in own]
            try:
                _assign(holders, halves)
                yield
            finally:
                now = [holder.value for holder in holders]
                kept = [
                    value if after is before else as_float32(after)
                    for value, before, after in zip(own, halves, now, strict=True)
                ]
                _assign(holders, kept)

    def __repr__(self) -> str:
        usual = self.loss_scale is None or repr(self.loss_scale) == "LossScale()"
        return f"MixedPrecision({self.half!r}{'' if usual else f', {self.loss_scale}'})"


def _unscaled(grad: Array | None, scale: Array | None) -> Any:
    """Return a gradient in float32, divided by the scale; None for None."""
    if grad is None:
        return None
    return as_float32(grad) if scale is None else as_float32(grad) / scale


def _to_be_halved(model: Any) -> list[Holder]:
    """Return the parameters and float buffers of layers that compute in half precision."""
    kept = {
        id(value)
        for part in model.named_parts().values()
        if computes_in_float32(part)
        for value in vars(part).values()
    }
    holders = [*model.parameters(), *model.named_buffers().values()]
    return [h for h in holders if id(h) not in kept and is_float(h.peek())]


def _assign(holders: list[Holder], values: list[Array]) -> None:
    """Give all holders their values, or none if an interrupt comes before."""
    update_together(*zip(*map(Holder.cell, holders, values), strict=True)) if holders else None


def precision_for(model: Any, precision: Any) -> MixedPrecision | None:
    """Return what a model's precision becomes: None, or a MixedPrecision on the model's device.

    A name stands for MixedPrecision(name). Raises ArgumentError for something else, DtypeError if
    the device has no fast half precision, or the model is not float32.
    """
    if precision is None:
        return None
    if isinstance(precision, str):
        precision = MixedPrecision(precision)
    who, (backend, dtype) = type(model).__name__, model.placement
    if not isinstance(precision, MixedPrecision):
        raise ArgumentError(
            f"{who}: precision must be 'float16', 'bfloat16', a MixedPrecision or None, is "
            f"{short(precision)}"
        )
    backend.half_dtype(precision.half)
    if dtype != "float32":
        raise DtypeError(
            f"{who}: mixed precision is for networks in float32, this one is {dtype}; first "
            "convert it with .to(dtype='float32')"
        )
    return precision.to(backend.name, device=backend.device)
