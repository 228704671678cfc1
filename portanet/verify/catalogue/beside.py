"""Beside: a layer with its side inputs as its parameters, so that one input is left."""

from math import prod
from typing import Any

import numpy as np

from portanet.backends import array_namespace
from portanet.layer import Buffer, Layer, Parameter
from portanet.typing import Array


class Beside(Layer):
    """A layer with its side inputs: floats are parameters here, so that gradients are checked.

    A number stands for random floats of that shape. Of several outputs it returns all numbers of a
    sample in one row.
    """

    def __init__(self, layer: Layer, **side: Any) -> None:
        rng = np.random.default_rng(5)
        self.layer = layer
        self.side: dict[str, Parameter | Buffer] = {}
        for name, value in side.items():
            is_shape = isinstance(value, tuple)
            value = rng.standard_normal(value).astype(np.float32) if is_shape else value
            self.side[name] = Parameter(value) if is_shape else Buffer(value)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the layer's output, with its side inputs for as many samples as x has."""
        side = {name: held.value[: x.shape[0], ...] for name, held in self.side.items()}
        y = self.layer.forward(x, **side, training=training)
        if training:
            self._saved = [tuple(part.shape) for part in y] if isinstance(y, list) else ()
        return _in_rows(y) if isinstance(y, list) else y

    def backward(self, grad: Array) -> Array:
        """Return dL/dx; the gradients of side inputs are those of parameters here."""
        shapes = self._take_saved()
        grad = self.layer.backward(_out_of_rows(grad, shapes) if shapes else grad)
        for name, held in self.side.items():
            if isinstance(held, Parameter):
                held.grad = getattr(self.layer, f"{name}_grad")
        return grad


def _in_rows(parts: list[Array]) -> Array:
    xp = array_namespace(parts[0])
    rows = [xp.reshape(part, (part.shape[0], prod(part.shape[1:]))) for part in parts]
    return xp.concat(rows, axis=1)


def _out_of_rows(rows: Array, shapes: list[tuple[int, ...]]) -> list[Array]:
    parts, start = [], 0
    for shape in shapes:
        end = start + prod(shape[1:])
        parts.append(array_namespace(rows).reshape(rows[:, start:end], shape))
        start = end
    return parts
