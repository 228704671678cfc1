"""Variants of ReLU with a nonzero output below 0."""

from portanet.backends import array_namespace
from portanet.checks import check_alike, check_count, check_number
from portanet.errors import ShapeError
from portanet.half import in_float32
from portanet.initializers import constant
from portanet.layer import Layer, Parameter
from portanet.layers._channels import along_channels, check_channels, other_axes
from portanet.options import Option
from portanet.typing import Array

# The fixed point of Klambauer et al.: with these, mean 0 and variance 1 map to themselves.
_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


class LeakyReLU(Layer):
    """y = x where x > 0, else slope x, elementwise. Shapes: x and y alike, any.

    dy/dx = 1 where x > 0, else slope; at 0 it is slope, as in PyTorch.

    slope is a number in (0, 1], 0.01 unless given (as in PyTorch; Keras has 0.3).

    Raises ArgumentError for a slope outside that range; slope 0 would be ReLU.

    Source: Maas, Hannun & Ng, "Rectifier nonlinearities improve neural network acoustic models",
    2013.

    >>> import numpy as np
    >>> LeakyReLU(0.1)(np.asarray([-2.0, 2.0]))
    array([-0.2,  2. ])
    """

    slope = Option(check_number, 0, 1, open_low=True)

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x where x > 0, else slope x."""
        if training:
            self._saved = x
        return array_namespace(x).maximum(x, self.slope * x)

    def backward(self, grad: Array) -> Array:
        """Return grad where x > 0, else slope grad."""
        return array_namespace(grad).where(self._take_saved() > 0, grad, self.slope * grad)


class PReLU(Layer):
    """y = max(x, 0) + a min(x, 0), a learned: one slope, or one for each channel.

    Shapes: x and y alike, any with channels=1, else (N, channels, ...); a (channels,).

    dy/dx = 1 where x > 0, else a; dL/da is the sum of G min(x, 0) over all x with that slope.

    a starts at 0.25, as in PyTorch and the paper (Keras: at 0, one for each number of a sample).

    Raises ArgumentError unless channels is an integer >= 1; ShapeError unless x has that many on
    axis 1; PlacementError or DtypeError unless x has the slopes' device and dtype.

    Source: He, Zhang, Ren & Sun, "Delving deep into rectifiers", 2015, equations 1 and 3.

    >>> import numpy as np
    >>> PReLU()(np.asarray([-2.0, 2.0], np.float32))
    array([-0.5,  2. ], dtype=float32)
    """

    channels = Option(check_count, fixed=True)

    def __init__(self, channels: int = 1) -> None:
        self.channels = channels
        self.slopes = Parameter(constant((channels,), value=0.25))

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return max(x, 0) + a min(x, 0)."""
        self._check(x)
        xp = array_namespace(x)
        if training:
            self._saved = x
        return xp.maximum(x, 0) + self._slopes(x) * xp.minimum(x, 0)

    def backward(self, grad: Array) -> Array:
        """Set dL/da, the sum of grad min(x, 0); return grad where x > 0, else a grad."""
        xp, x = array_namespace(grad), self._take_saved()
        axes = None if self.channels == 1 else other_axes(x)
        total = xp.sum(xp.where(x >= 0, 0, grad * x), axis=axes)
        self.slopes.grad = xp.reshape(total, (self.channels,))
        return xp.where(x > 0, grad, self._slopes(x) * grad)

    def _slopes(self, x: Array) -> Array:
        a = self.slopes.value
        return a if self.channels == 1 else along_channels(a, x)

    def _check(self, x: Array) -> None:
        check_alike(self, "x", x, "the slopes", self.slopes.value)
        if self.channels > 1:
            check_channels(self, x, self.channels, f"(N, {self.channels}, ...)")
        elif x.ndim == 0:
            raise ShapeError(f"{self!r}: x must be (N, ...), is a single number")


def elu(x: Array, alpha: float) -> Array:
    """Return x where x > 0, else alpha (exp(x) - 1), evaluating exp below 0 only."""
    xp = array_namespace(x)
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))


def elu_backward(grad: Array, x: Array, alpha: float) -> Array:
    """dL/dx from dL/dy: dy/dx = 1 where x > 0, else alpha exp(x)."""
    xp = array_namespace(x)
    return xp.where(x > 0, grad, grad * (alpha * xp.exp(xp.minimum(x, 0))))


class ELU(Layer):
    """y = x where x > 0, else alpha (exp(x) - 1), elementwise. Shapes: x and y alike, any.

    dy/dx = 1 where x > 0, else alpha exp(x), which is alpha at 0.

    alpha is a number in (0, 1e6]; y approaches -alpha far below 0.

    Raises ArgumentError for an alpha outside that range.

    Source: Clevert, Unterthiner & Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", 2016, equation 15.

    >>> import numpy as np
    >>> ELU()(np.asarray([-np.inf, -1.0, 2.0])).round(3)
    array([-1.   , -0.632,  2.   ])
    """

    alpha = Option(check_number, 0, 1e6, open_low=True)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x where x > 0, else alpha (exp(x) - 1)."""
        if training:
            self._saved = x
        return elu(x, self.alpha)

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Return grad where x > 0, else grad alpha exp(x)."""
        return elu_backward(grad, self._take_saved(), self.alpha)


class SELU(Layer):
    """y = 1.0507 ELU(x) with alpha = 1.6733, elementwise. Shapes: x and y alike, any.

    dy/dx = 1.0507 where x > 0, else 1.0507 · 1.6733 exp(x).

    With these two constants mean 0 and variance 1 are a fixed point from layer to layer; weights
    should start from N(0, 1/fan_in), initializers.lecun_normal.

    Source: Klambauer, Unterthiner, Mayr & Hochreiter, "Self-normalizing neural networks", 2017,
    equations 2 and 14.

    >>> import numpy as np
    >>> SELU()(np.asarray([-np.inf, -1.0, 2.0])).round(3)
    array([-1.758, -1.111,  2.101])
    """

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return 1.0507 ELU(x)."""
        if training:
            self._saved = x
        return _SELU_SCALE * elu(x, _SELU_ALPHA)

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Return 1.0507 grad dELU/dx."""
        return elu_backward(_SELU_SCALE * grad, self._take_saved(), _SELU_ALPHA)
