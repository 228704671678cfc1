"""Activations that are x times a gate between 0 and 1: GELU, SiLU, Mish, HardSwish."""

from math import pi, sqrt

from portanet.backends import array_namespace
from portanet.checks import check_choice
from portanet.half import in_float32
from portanet.layer import Layer
from portanet.layers.activations import hard_sigmoid, sigmoid
from portanet.layers.error_function import erf
from portanet.layers.softplus import softplus
from portanet.options import Option
from portanet.typing import Array

_FAR = 1e4  # the gates are exactly 0 and 1 far before; avoids inf · 0


class _Gated(Layer):
    """y = x g(x), so that dy/dx = g(x) + x g'(x). Shapes: x and y alike, any.

    A subclass defines the `gate` and, given its value, the gate's `slope`.
    """

    def gate(self, x: Array) -> Array:
        """Return g(x)."""
        raise NotImplementedError

    def slope(self, x: Array, gate: Array) -> Array:
        """Return g'(x)."""
        raise NotImplementedError

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x g(x)."""
        xp = array_namespace(x)
        above = xp.maximum(x, -_FAR)
        near = xp.minimum(above, _FAR)
        gate = self.gate(near)
        if training:
            self._saved = near, gate
        return above * gate

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Return grad (g(x) + x g'(x))."""
        x, gate = self._take_saved()
        return grad * (gate + x * self.slope(x, gate))


class GELU(_Gated):
    """y = x Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2: the normal distribution function as gate.

    Shapes: x and y alike, any.

    dy/dx = Phi(x) + x phi(x), phi(x) = exp(-x²/2) / sqrt(2 pi) the density, as Phi' = phi.

    approximate="tanh" is Phi(x) ≈ (1 + tanh(u)) / 2 = sigmoid(2u) with
    u = sqrt(2/pi) (x + 0.044715 x³); its error is up to 5e-4. The exact one is the default,
    as in PyTorch and Keras.

    Accurate to a few ulps of max(|x|, 1), not of y: far below 0, where Phi is near 0, 1 + erf
    cancels (y = -1.4e-6 at x = -5 has 9 digits in float64 and 1 in float32), and below -8.3
    (float32: -5.4) y is 0. PyTorch computes it the same way.

    Raises ArgumentError unless approximate is "none" or "tanh".

    Source: Hendrycks & Gimpel, "Gaussian error linear units", 2016.

    >>> import numpy as np
    >>> GELU()(np.asarray([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    >>> GELU(approximate="tanh")(np.asarray([-1.0, 0.0, 1.0])).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """

    approximate = Option(check_choice, ("none", "tanh"))

    def __init__(self, *, approximate: str = "none") -> None:
        self.approximate = approximate

    def gate(self, x: Array) -> Array:
        """Return Phi(x)."""
        if self.approximate == "tanh":
            return sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x))
        return 0.5 * (1 + erf(x * sqrt(0.5)))

    def slope(self, x: Array, gate: Array) -> Array:
        """Return phi(x)."""
        if self.approximate == "tanh":
            return gate * (1 - gate) * (2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x))
        return array_namespace(x).exp(-0.5 * x * x) / sqrt(2 * pi)


class SiLU(_Gated):
    """y = x sigmoid(x), elementwise, also called swish. Shapes: x and y alike, any.

    dy/dx = s + x s (1 - s), s = sigmoid(x).

    Source: Elfwing, Uchibe & Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", 2018.

    >>> import numpy as np
    >>> SiLU()(np.asarray([-np.inf, -1.0, 1.0])).round(4)
    array([-0.    , -0.2689,  0.7311])
    """

    def gate(self, x: Array) -> Array:
        """Return sigmoid(x)."""
        return sigmoid(x)

    def slope(self, x: Array, gate: Array) -> Array:  # noqa: ARG002
        """Return s (1 - s)."""
        return gate * (1 - gate)


class Mish(_Gated):
    """y = x tanh(log(1 + exp(x))), elementwise. Shapes: x and y alike, any.

    dy/dx = t + x (1 - t²) sigmoid(x), t = tanh(softplus(x)), as softplus' = sigmoid.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2020.

    >>> import numpy as np
    >>> Mish()(np.asarray([-np.inf, -1.0, 1.0])).round(4)
    array([-0.    , -0.3034,  0.8651])
    """

    def gate(self, x: Array) -> Array:
        """Return tanh(softplus(x))."""
        return array_namespace(x).tanh(softplus(x))

    def slope(self, x: Array, gate: Array) -> Array:
        """Return (1 - t²) sigmoid(x)."""
        return (1 - gate * gate) * sigmoid(x)


class HardSwish(_Gated):
    """y = x min(max(x/6 + 1/2, 0), 1), elementwise: SiLU with HardSigmoid as the gate.

    Shapes: x and y alike, any.

    dy/dx = 0 below -3, x/3 + 1/2 between, 1 above 3. (At the corners themselves frameworks, and
    versions of PyTorch, differ.)

    Source: Howard et al., "Searching for MobileNetV3", 2019, section 5.2.

    >>> import numpy as np
    >>> HardSwish()(np.asarray([-4.0, -1.0, 4.0])).round(4)
    array([-0.    , -0.3333,  4.    ])
    """

    def gate(self, x: Array) -> Array:
        """Return min(max(x/6 + 1/2, 0), 1)."""
        return hard_sigmoid(x)

    def slope(self, x: Array, gate: Array) -> Array:  # noqa: ARG002
        """Return 1/6 where -3 < x < 3, else 0."""
        xp = array_namespace(x)
        return xp.astype(xp.abs(x) < 3, x.dtype) / 6

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Return grad (g(x) + x g'(x)); 0 below -3 for every grad, as ReLU below 0."""
        x, gate = self._take_saved()
        slope = gate + x * self.slope(x, gate)
        return array_namespace(grad).where(x < -3, 0, grad) * slope
