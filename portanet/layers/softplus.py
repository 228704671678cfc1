"""Softplus: ReLU without its corner."""

from portanet.backends import array_namespace
from portanet.checks import check_number
from portanet.half import in_float32
from portanet.layer import Layer
from portanet.layers.activations import sigmoid
from portanet.options import Option
from portanet.typing import Array


def softplus(x: Array, beta: float = 1.0) -> Array:
    """log(1 + exp(b x)) / b as max(x, 0) + log1p(exp(-b |x|)) / b: no overflow, full precision.

    >>> import numpy as np
    >>> softplus(np.asarray([-1e4, 0.0, 1e4])).round(3)
    array([0.00e+00, 6.93e-01, 1.00e+04])
    """
    xp = array_namespace(x)
    if beta == 1:
        return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(_scaled(x, beta)))) / beta


def _scaled(x: Array, beta: float) -> Array:
    """Return b x within [-1000, 1000], so that it does not overflow: exp(-1000) is 0."""
    xp, far = array_namespace(x), 1000 / beta
    return beta * xp.minimum(xp.maximum(x, -far), far)


class Softplus(Layer):
    """y = log(1 + exp(b x)) / b, elementwise: a smooth ReLU. Shapes: x and y alike, any.

    dy/dx = exp(b x) / (1 + exp(b x)) = sigmoid(b x).

    beta is b, a number in [1e-6, 1e6], 1 unless given: the larger, the closer to ReLU, from which
    the distance is log(2) / b at 0.

    Exact for every x. (PyTorch returns x itself where b x is above its `threshold` of 20, a
    relative error of 1e-10; Keras has b = 1 only.)

    Raises ArgumentError for a beta outside that range.

    Source: Dugas, Bengio, Bélisle, Nadeau & Garcia, "Incorporating second-order functional
    knowledge for better option pricing", 2000.

    >>> import numpy as np
    >>> Softplus()(np.asarray([-np.inf, 0.0, 50.0])).round(3)
    array([ 0.   ,  0.693, 50.   ])
    """

    beta = Option(check_number, 1e-6, 1e6)

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return log(1 + exp(b x)) / b."""
        if training:
            self._saved = x
        return softplus(x, self.beta)

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Return grad sigmoid(b x)."""
        x = self._take_saved()
        return grad * sigmoid(x if self.beta == 1 else _scaled(x, self.beta))
