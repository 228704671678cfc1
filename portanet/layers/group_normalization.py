"""Group normalization: the mean and variance of groups of a sample's channels."""

from math import prod

from portanet.backends import array_namespace
from portanet.checks import check_count, check_number
from portanet.errors import ArgumentError
from portanet.guesses import divisor
from portanet.half import in_float32
from portanet.initializers import constant, zeros
from portanet.layer import Layer, Parameter
from portanet.layers._channels import along_channels, check_channels, other_axes
from portanet.layers.normalization import check_like_weights, standardize, standardize_backward
from portanet.options import Option
from portanet.reprs import call_of
from portanet.typing import Array


class GroupNorm(Layer):
    """y = g n + b, n = (x - m) / sqrt(v + eps), m and v over a sample's values in a group.

    Shapes: x and y alike, (N, channels, ...); g and b (channels,). The channels form `groups`
    groups of neighbours: groups=1 normalizes a whole sample, groups=channels each channel
    (instance normalization).

    dL/db and dL/dg are the sums of G and G n over all axes except the channels; with H = G g,
    dL/dx = (H - mean(H) - n mean(H n)) / sqrt(v + eps), the means over a group.

    eps > 0 as in LayerNorm, 1e-5 as in PyTorch (Keras: 1e-3). g starts at 1, b at 0; affine=False
    has neither: y = n.

    Raises ArgumentError unless groups divides channels; ShapeError unless x is
    (N, channels, ...); PlacementError or DtypeError unless x has the weights' device and dtype
    (without weights: unless x holds floats).

    Source: Wu & He, "Group normalization", 2018, equations 1 and 7.

    >>> import numpy as np
    >>> GroupNorm(2, 4)(np.asarray([[1, 3, 10, 50]], np.float32)).round(3)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    groups = Option(check_count, fixed=True)
    channels = Option(check_count, fixed=True)
    eps = Option(check_number, 0, 1, open_low=True)

    def __init__(
        self, groups: int, channels: int, *, eps: float = 1e-5, affine: bool = True
    ) -> None:
        self.groups, self.channels, self.eps = groups, channels, eps
        if channels % groups:
            raise ArgumentError(
                f"GroupNorm: groups must divide channels = {channels}, is {groups}; for example "
                f"groups={divisor(channels, groups)}"
            )
        self.weights = Parameter(constant((channels,), value=1.0)) if affine else None
        self.bias = Parameter(zeros((channels,))) if affine else None

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return g n + b."""
        check_like_weights(self, x, self.weights)
        check_channels(self, x, self.channels, f"(N, {self.channels}, ...)")
        xp = array_namespace(x)
        normal, inverse_std = standardize(self._grouped(x), (2,), self.eps)
        normal = xp.reshape(normal, x.shape)
        if training:
            self._saved = normal, inverse_std
        if self.weights is None or self.bias is None:
            return normal
        g, b = along_channels(self.weights.value, x), along_channels(self.bias.value, x)
        return normal * g + b

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Set dL/dg and dL/db; return dL/dx."""
        normal, inverse_std = self._take_saved()
        xp, axes = array_namespace(grad), other_axes(grad)
        if self.weights is not None and self.bias is not None:
            self.weights.grad = xp.sum(grad * normal, axis=axes)
            self.bias.grad = xp.sum(grad, axis=axes)
            grad = grad * along_channels(self.weights.value, grad)
        grad_x = standardize_backward(self._grouped(grad), self._grouped(normal), inverse_std, (2,))
        return xp.reshape(grad_x, grad.shape)

    def __repr__(self) -> str:
        affine = self.weights is not None
        return call_of(self, self.groups, self.channels, eps=self.eps, affine=affine)

    def _grouped(self, x: Array) -> Array:
        """Return x as (N, groups, values of a group)."""
        values = prod(x.shape[1:]) // self.groups  # not -1, which is ambiguous for an empty batch
        return array_namespace(x).reshape(x, (x.shape[0], self.groups, values))
