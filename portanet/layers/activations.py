"""Elementwise activations.

A function with a gradient comes as a pair: `f(x)` and `f_backward(grad, saved)`.

See also softplus.py, rectifiers.py (LeakyReLU, PReLU, ELU, SELU), gated.py (GELU, SiLU, Mish,
HardSwish), softmax.py.
"""

from portanet.backends import array_namespace
from portanet.dispatch import accelerable
from portanet.half import in_float32
from portanet.layer import Layer
from portanet.typing import Array


@accelerable
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow: exp is evaluated at -|x| only.

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

    dy/dx is at least the smallest normal number, which is also the smallest divisor in
    BinaryCrossEntropy: their product is exact even where y has saturated at 0 or 1.
    """
    xp = array_namespace(y)
    tiny = float(xp.finfo(y.dtype).smallest_normal)
    return grad * xp.maximum(y * (1 - y), tiny)


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)), elementwise, in (0, 1). Shapes: x and y alike, any.

    dy/dx = y (1 - y): differentiate 1/(1 + exp(-x)) and substitute y.

    Use it before BinaryCrossEntropy; BCEWithLogits needs no Sigmoid and keeps the loss exact.

    Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors",
    1986, equation 2.
    """

    returns = "probabilities"

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return sigmoid(x)."""
        y = sigmoid(x)
        if training:
            self._saved = y
        return y

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Return grad y (1 - y)."""
        return sigmoid_backward(grad, self._take_saved())


class Tanh(Layer):
    """y = tanh(x), elementwise, in (-1, 1). Shapes: x and y alike, any.

    dy/dx = 1 - y².

    Source: LeCun, Bottou, Orr & Müller, "Efficient backprop", 1998, section 4.4.

    >>> import numpy as np
    >>> Tanh()(np.asarray([-np.inf, 0.0, 1.0])).round(3)
    array([-1.   ,  0.   ,  0.762])
    """

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return tanh(x)."""
        y = array_namespace(x).tanh(x)
        if training:
            self._saved = y
        return y

    def backward(self, grad: Array) -> Array:
        """Return grad (1 - y²)."""
        y = self._take_saved()
        return grad * (1 - y * y)


class ReLU(Layer):
    """y = max(x, 0), elementwise. Shapes: x and y alike, any.

    dy/dx = 1 where x > 0, else 0; at 0 it is 0, by convention.

    Source: Fukushima, "Visual feature extraction by a multilayered network of analog threshold
    elements", 1969; Nair & Hinton, "Rectified linear units improve restricted Boltzmann machines",
    2010.
    """

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return max(x, 0)."""
        if training:
            self._saved = x
        return array_namespace(x).maximum(x, 0)

    def backward(self, grad: Array) -> Array:
        """Return grad where x > 0, else 0."""
        return array_namespace(grad).where(self._take_saved() > 0, grad, 0)


def hard_sigmoid(x: Array) -> Array:
    """min(max(x/6 + 1/2, 0), 1): a piecewise linear sigmoid, constant below -3 and above 3."""
    xp = array_namespace(x)
    return xp.minimum(xp.maximum(x / 6 + 0.5, 0), 1)


class HardSigmoid(Layer):
    """y = min(max(x/6 + 1/2, 0), 1), elementwise. Shapes: x and y alike, any.

    dy/dx = 1/6 where -3 < x < 3, else 0; at the corners 0, as in PyTorch.

    (PyTorch and Keras 3 have this slope; Keras 2 had 1/5.)

    Source: Howard et al., "Searching for MobileNetV3", 2019, section 5.2.

    >>> import numpy as np
    >>> HardSigmoid()(np.asarray([-4.0, 0.0, 1.5]))
    array([0.  , 0.5 , 0.75])
    """

    returns = "probabilities"

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return min(max(x/6 + 1/2, 0), 1)."""
        if training:
            self._saved = x
        return hard_sigmoid(x)

    def backward(self, grad: Array) -> Array:
        """Return grad / 6 where -3 < x < 3, else 0."""
        xp, x = array_namespace(grad), self._take_saved()
        return xp.where(xp.abs(x) < 3, grad / 6, 0)
