"""Normalization over the last axes of each sample: LayerNorm, RMSNorm.

See also group_normalization.py (over groups of channels), batch_normalization.py (over the
batch).
"""

from portanet.backends import array_namespace
from portanet.checks import check_alike, check_count, check_number, dtype_name, is_float
from portanet.errors import ArgumentError, DtypeError, ShapeError
from portanet.initializers import zeros
from portanet.layer import Layer, Parameter
from portanet.typing import Array


def standardize_backward(grad: Array, normal: Array, inverse_std: Array, axes: tuple) -> Array:
    """dL/dx from dL/dn, n = (x - m) / s, m the mean over the axes and s² = mean((x - m)²) + eps.

    Each x affects all n through m and s: dL/dx = (G - mean(G) - n mean(G n)) / s, G = dL/dn.
    """
    xp = array_namespace(grad)
    mean = xp.mean(grad, axis=axes, keepdims=True)
    along = xp.mean(grad * normal, axis=axes, keepdims=True)
    return inverse_std * (grad - mean - normal * along)


def standardize(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    """Return n = (x - m) / s, and 1 / s. In two passes, as E[x²] - E[x]² would cancel.

    The mean of `centred` is the rounding error of m, which 1 / s would amplify for nearly equal x.
    """
    xp = array_namespace(x)
    centred = x - xp.mean(x, axis=axes, keepdims=True)
    centred = centred - xp.mean(centred, axis=axes, keepdims=True)
    variance = xp.mean(centred * centred, axis=axes, keepdims=True)
    inverse_std = 1 / xp.sqrt(variance + eps)
    return centred * inverse_std, inverse_std


def check_like_weights(layer: Layer, x: Array, weights: Parameter | None) -> None:
    """Raise PlacementError or DtypeError unless x is like the weights, or floats without any."""
    if weights is not None:
        check_alike(repr(layer), "x", x, "the weights", weights.value)
    elif not is_float(x):
        raise DtypeError(f"{layer!r}: x must be float32 or float64, is {dtype_name(x.dtype)}")


class _OverLastAxes(Layer):
    """Shared by LayerNorm and RMSNorm: the axes, and a learned scale for each number there."""

    def __init__(self, shape: int | tuple[int, ...], affine: bool) -> None:
        who = type(self).__name__
        axes: tuple = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        if not axes:
            raise ArgumentError(f"{who}: shape must name at least one axis, is ()")
        self.shape = tuple(check_count(who, "shape", n) for n in axes)
        self.axes = tuple(range(-len(self.shape), 0))
        self.weights = Parameter(zeros(self.shape) + 1) if affine else None

    def _check(self, x: Array) -> None:
        check_like_weights(self, x, self.weights)
        if x.ndim <= len(self.shape) or tuple(x.shape[-len(self.shape) :]) != self.shape:
            wanted = ", ".join(["N", "...", *map(str, self.shape)])
            raise ShapeError(f"{self!r}: x must be ({wanted}), is {tuple(x.shape)}")

    def _sum_over_samples(self, grad: Array) -> Array:
        axes = tuple(range(grad.ndim - len(self.shape)))
        return array_namespace(grad).sum(grad, axis=axes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape[0] if len(self.shape) == 1 else self.shape})"


class LayerNorm(_OverLastAxes):
    """y = g n + b, n = (x - m) / sqrt(v + eps), m and v the mean and variance of the last axes.

    Shapes: x and y alike, (N, ..., *shape); g and b are `shape`.

    dL/db and dL/dg are the sums of G and G n over all samples; with H = G g,
    dL/dx = (H - mean(H) - n mean(H n)) / sqrt(v + eps), the means over the last axes.

    shape is the last axis' length, or a tuple of several; eps > 0 keeps n finite where all x are
    equal: there n is 0. v is the biased variance, as in PyTorch. g starts at 1, b at 0;
    affine=False (PyTorch: elementwise_affine) has neither: y = n.

    eps is 1e-5 unless given, as in PyTorch (Keras: 1e-3).

    Raises ArgumentError unless shape holds integers >= 1; ShapeError unless x ends in `shape`;
    PlacementError or DtypeError unless x has the weights' device and dtype (without weights:
    unless x holds floats).

    Source: Ba, Kiros & Hinton, "Layer normalization", 2016, equation 3.

    >>> import numpy as np
    >>> LayerNorm(2)(np.asarray([[1.0, 3.0]], np.float32)).round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self, shape: int | tuple[int, ...], *, eps: float = 1e-5, affine: bool = True
    ) -> None:
        super().__init__(shape, affine)
        self.eps = check_number("LayerNorm", "eps", eps, 0, 1, open_low=True)
        self.bias = Parameter(zeros(self.shape)) if affine else None

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return g n + b."""
        self._check(x)
        normal, inverse_std = standardize(x, self.axes, self.eps)
        if training:
            self._saved = normal, inverse_std
        if self.weights is None or self.bias is None:
            return normal
        return normal * self.weights.value + self.bias.value

    def backward(self, grad: Array) -> Array:
        """Set dL/dg and dL/db; return dL/dx."""
        normal, inverse_std = self._take_saved()
        if self.weights is not None and self.bias is not None:
            self.weights.grad = self._sum_over_samples(grad * normal)
            self.bias.grad = self._sum_over_samples(grad)
            grad = grad * self.weights.value
        return standardize_backward(grad, normal, inverse_std, self.axes)


class RMSNorm(_OverLastAxes):
    """y = g n, n = x / sqrt(mean(x²) + eps), the mean over the last axes: LayerNorm without a mean.

    Shapes: x and y alike, (N, ..., *shape); g is `shape`.

    dL/dg is the sum of G n over all samples; with H = G g,
    dL/dx = (H - n mean(H n)) / sqrt(mean(x²) + eps).

    shape is the last axis' length, or a tuple of several; eps > 0 is the dtype's machine epsilon
    unless given (as in PyTorch; many language models have 1e-5 or 1e-6). g starts at 1;
    affine=False (PyTorch: elementwise_affine) has none: y = n.

    Raises ArgumentError unless shape holds integers >= 1; ShapeError unless x ends in `shape`;
    PlacementError or DtypeError unless x has the weights' device and dtype (without weights:
    unless x holds floats).

    Source: Zhang & Sennrich, "Root mean square layer normalization", 2019, equation 4.

    >>> import numpy as np
    >>> RMSNorm(2)(np.asarray([[1.0, 7.0]], np.float32)).round(3)
    array([[0.2, 1.4]], dtype=float32)
    """

    def __init__(
        self, shape: int | tuple[int, ...], *, eps: float | None = None, affine: bool = True
    ) -> None:
        super().__init__(shape, affine)
        if eps is not None:
            check_number("RMSNorm", "eps", eps, 0, 1, open_low=True)
        self.eps = eps

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return g n."""
        self._check(x)
        xp = array_namespace(x)
        eps = float(xp.finfo(x.dtype).eps) if self.eps is None else self.eps
        inverse = 1 / xp.sqrt(xp.mean(x * x, axis=self.axes, keepdims=True) + eps)
        normal = x * inverse
        if training:
            self._saved = normal, inverse
        return normal if self.weights is None else normal * self.weights.value

    def backward(self, grad: Array) -> Array:
        """Set dL/dg; return dL/dx."""
        normal, inverse = self._take_saved()
        if self.weights is not None:
            self.weights.grad = self._sum_over_samples(grad * normal)
            grad = grad * self.weights.value
        along = array_namespace(grad).mean(grad * normal, axis=self.axes, keepdims=True)
        return inverse * (grad - normal * along)
