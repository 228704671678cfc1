"""Activations: functions applied to each number alone.

A function with a gradient comes as a pair: `f(x)` and `f_backward(grad, saved)`.
"""

from portanet.backends import array_namespace
from portanet.dispatch import accelerable
from portanet.layer import Layer
from portanet.numeric import smallest_normal
from portanet.typing import Array


@accelerable
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow: exp is only taken of -|x|.

    >>> import numpy as np
    >>> sigmoid(np.asarray([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    xp = array_namespace(x)
    z = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + z), z / (1 + z))


@accelerable
def sigmoid_backward(grad: Array, y: Array) -> Array:
    """dL/dx from dL/dy and y = sigmoid(x): dy/dx = y (1 - y).

    dy/dx is kept at or above the smallest normal number, which is what BinaryCrossEntropy divides
    by at least: their product is right even where y has saturated at exactly 0 or 1.
    """
    xp = array_namespace(y)
    return grad * xp.maximum(y * (1 - y), smallest_normal(y))


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)), elementwise, in (0, 1). Shapes: x and y alike, any.

    dy/dx = y (1 - y): differentiate 1/(1 + exp(-x)) and put y back in.

    Before BinaryCrossEntropy only; BCEWithLogits needs no Sigmoid and keeps the loss exact.
    """

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return sigmoid(x)."""
        y = sigmoid(x)
        if training:
            self._saved = y
        return y

    def backward(self, grad: Array) -> Array:
        """Return grad y (1 - y)."""
        return sigmoid_backward(grad, self._take_saved())

    def __repr__(self) -> str:
        return "Sigmoid()"


class ReLU(Layer):
    """y = max(x, 0), elementwise. Shapes: x and y alike, any.

    dy/dx = 1 where x > 0, else 0; at 0 itself the choice is 0, as everywhere in the field.
    """

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return max(x, 0)."""
        if training:
            self._saved = x
        return array_namespace(x).maximum(x, 0)

    def backward(self, grad: Array) -> Array:
        """Return grad where x > 0, else 0."""
        return array_namespace(grad).where(self._take_saved() > 0, grad, 0)

    def __repr__(self) -> str:
        return "ReLU()"
