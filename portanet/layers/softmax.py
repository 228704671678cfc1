"""Softmax and its logarithm: a probability distribution along an axis."""

from typing import Any

from portanet.backends import array_namespace
from portanet.errors import ArgumentError, ShapeError, short
from portanet.half import in_float32
from portanet.layer import Layer
from portanet.options import Option
from portanet.typing import Array


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / sum(exp(x)) along an axis, without overflow: the largest x is subtracted first.

    >>> import numpy as np
    >>> softmax(np.asarray([1e4, 1e4, -np.inf]))
    array([0.5, 0.5, 0. ])
    """
    xp = array_namespace(x)
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


def softmax_backward(grad: Array, y: Array, axis: int = -1) -> Array:
    """dL/dx from dL/dy and y = softmax(x): y (grad - sum(grad y))."""
    xp = array_namespace(y)
    return y * (grad - xp.sum(grad * y, axis=axis, keepdims=True))


def log_softmax(x: Array, axis: int = -1) -> Array:
    """log(softmax(x)) = x - log(sum(exp(x))) along an axis; the largest x is subtracted first.

    >>> import numpy as np
    >>> log_softmax(np.asarray([1e4, 0.0, -np.inf]))
    array([     0., -10000.,    -inf])
    """
    xp = array_namespace(x)
    z = x - xp.max(x, axis=axis, keepdims=True)
    return z - xp.log(xp.sum(xp.exp(z), axis=axis, keepdims=True))


def log_softmax_backward(grad: Array, y: Array, axis: int = -1) -> Array:
    """dL/dx from dL/dy and y = log_softmax(x): grad - exp(y) sum(grad)."""
    xp = array_namespace(y)
    return grad - xp.exp(y) * xp.sum(grad, axis=axis, keepdims=True)


def _check_axis(who: str, name: str, axis: Any) -> int:
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ArgumentError(f"{who}: {name} must be an integer, is {short(axis)}")
    return axis


class _AlongAxis(Layer):
    """Shared by Softmax and LogSoftmax: the axis and its check."""

    axis = Option(_check_axis)

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def _check(self, x: Array) -> None:
        if not -x.ndim <= self.axis < x.ndim or x.shape[self.axis] == 0:
            raise ShapeError(
                f"{self!r}: x must have at least one number along axis {self.axis}, is of shape "
                f"{tuple(x.shape)}"
            )


class Softmax(_AlongAxis):
    """y = exp(x) / sum(exp(x)), the sum along an axis: positive numbers with the sum 1.

    Shapes: x and y alike, any.

    dL/dx = y (G - sum(G y)): dy_i/dx_j = y_i ([i = j] - y_j), summed over i with G = dL/dy.

    axis is an integer, the last axis unless given. An x of -inf has probability 0 and gradient 0;
    where a whole row is -inf, or one x is inf or NaN, the row is undefined: it is NaN (and NumPy
    warns of an invalid value), as in PyTorch. Mask such rows before.

    For training use the cross entropy on logits, which needs no Softmax and keeps the loss exact.

    Raises ArgumentError unless axis is an integer; ShapeError if x has no such axis, or an empty
    one.

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs,
    with relationships to statistical pattern recognition", 1990.

    >>> import numpy as np
    >>> Softmax()(np.asarray([[0.0, 0.0], [1e4, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """

    returns = "probabilities"

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return softmax(x)."""
        self._check(x)
        y = softmax(x, self.axis)
        if training:
            self._saved = y
        return y

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Return y (grad - sum(grad y))."""
        return softmax_backward(grad, self._take_saved(), self.axis)


class LogSoftmax(_AlongAxis):
    """y = x - log(sum(exp(x))), the sum along an axis: the logarithm of Softmax, exact.

    Shapes: x and y alike, any.

    dL/dx = G - exp(y) sum(G): dy_i/dx_j = [i = j] - exp(y_j), summed over i with G = dL/dy.

    axis is an integer, the last axis unless given. An x of -inf stays -inf; where a whole row is
    -inf, or one x is inf or NaN, the row is NaN (and NumPy warns of an invalid value), as in
    PyTorch.

    Raises ArgumentError unless axis is an integer; ShapeError if x has no such axis, or an empty
    one.

    Source: see Softmax.

    >>> import numpy as np
    >>> LogSoftmax()(np.asarray([[0.0, 0.0], [1e4, 0.0]])).round(3)
    array([[-6.93e-01, -6.93e-01],
           [ 0.00e+00, -1.00e+04]])
    """

    returns = "log-probabilities"

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return log_softmax(x)."""
        self._check(x)
        y = log_softmax(x, self.axis)
        if training:
            self._saved = y
        return y

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Return grad - exp(y) sum(grad)."""
        return log_softmax_backward(grad, self._take_saved(), self.axis)
