"""Normalization over the last axes of each sample: LayerNorm, RMSNorm.

See also group_normalization.py (over groups of channels), batch_normalization.py (over the
batch).
"""

from typing import Any, cast

from portanet.backends import array_namespace
from portanet.checks import check_alike, check_count, check_number, dtype_name, is_float
from portanet.errors import ArgumentError, DtypeError, ShapeError
from portanet.half import in_float32
from portanet.initializers import constant, zeros
from portanet.layer import Layer, Parameter
from portanet.moments import centred, inverse_root, scale_for_squares
from portanet.options import Option
from portanet.reprs import call_of
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
    """Return n = (x - m) / s, and 1 / s. In two passes, as E[x²] - E[x]² would cancel."""
    xp = array_namespace(x)
    scale, _, distances = centred(x, axes)
    variance = xp.mean(distances * distances, axis=axes, keepdims=True)
    inverse_std = inverse_root(variance, eps, scale)
    return distances * inverse_std, inverse_std * scale


def _check_shape(who: str, name: str, shape: Any) -> tuple[int, ...]:
    axes: tuple = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if not axes:
        raise ArgumentError(f"{who}: {name} must name at least one axis, is ()")
    return tuple(check_count(who, name, n) for n in axes)


def check_like_weights(layer: Layer, x: Array, weights: Parameter | None) -> None:
    """Raise PlacementError or DtypeError unless x is like the weights, or floats without any."""
    if weights is not None:
        check_alike(layer, "x", x, "the weights", weights.value)
    elif not is_float(x):
        raise DtypeError(f"{layer!r}: x must be float32 or float64, is {dtype_name(x.dtype)}")


class _OverLastAxes(Layer):
    """Shared by LayerNorm and RMSNorm: the axes, and a learned scale for each number there."""

    shape = Option(_check_shape, fixed=True)

    def __init__(self, shape: int | tuple[int, ...], affine: bool) -> None:
        self.shape = cast("Any", shape)
        self.axes = tuple(range(-len(self.shape), 0))
        self.weights = Parameter(constant(self.shape, value=1.0)) if affine else None

    def _check(self, x: Array) -> None:
        check_like_weights(self, x, self.weights)
        if x.ndim <= len(self.shape) or tuple(x.shape[-len(self.shape) :]) != self.shape:
            wanted = ", ".join(["N", "...", *map(str, self.shape)])
            raise ShapeError(f"{self!r}: x must be ({wanted}), is {tuple(x.shape)}")

    def __repr__(self) -> str:
        shape = self.shape[0] if len(self.shape) == 1 else self.shape
        return call_of(self, shape, eps=vars(self)["eps"], affine=self.weights is not None)

    def _sum_over_samples(self, grad: Array) -> Array:
        axes = tuple(range(grad.ndim - len(self.shape)))
        return array_namespace(grad).sum(grad, axis=axes)


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

    eps = Option(check_number, 0, 1, open_low=True)

    def __init__(
        self, shape: int | tuple[int, ...], *, eps: float = 1e-5, affine: bool = True
    ) -> None:
        super().__init__(shape, affine)
        self.eps = eps
        self.bias = Parameter(zeros(self.shape)) if affine else None

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return g n + b."""
        self._check(x)
        normal, inverse_std = standardize(x, self.axes, self.eps)
        if training:
            self._saved = normal, inverse_std
        if self.weights is None or self.bias is None:
            return normal
        return normal * self.weights.value + self.bias.value

    @in_float32
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

    eps = Option(check_number, 0, 1, open_low=True, none=True)

    def __init__(
        self, shape: int | tuple[int, ...], *, eps: float | None = None, affine: bool = True
    ) -> None:
        super().__init__(shape, affine)
        self.eps = eps

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return g n."""
        self._check(x)
        xp = array_namespace(x)
        eps = float(xp.finfo(x.dtype).eps) if self.eps is None else self.eps
        scale = scale_for_squares(xp.max(xp.abs(x), axis=self.axes, keepdims=True))
        scaled = x * scale
        mean = xp.mean(scaled * scaled, axis=self.axes, keepdims=True)
        inverse = inverse_root(mean, eps, scale)
        normal, inverse = scaled * inverse, inverse * scale
        if training:
            self._saved = normal, inverse
        return normal if self.weights is None else normal * self.weights.value

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Set dL/dg; return dL/dx."""
        normal, inverse = self._take_saved()
        if self.weights is not None:
            self.weights.grad = self._sum_over_samples(grad * normal)
            grad = grad * self.weights.value
        along = array_namespace(grad).mean(grad * normal, axis=self.axes, keepdims=True)
        return inverse * (grad - normal * along)
