"""Batch normalization: each channel's mean and variance over the batch.

See also freezing.py: running statistics that are constants in training, too.
"""

from math import prod
from typing import Any, ClassVar

from portanet.backends import array_namespace
from portanet.checks import check_alike, check_count, check_flag, check_number
from portanet.errors import ShapeError
from portanet.half import in_float32
from portanet.initializers import constant, zeros
from portanet.joined import joined, joined_rows, present_share
from portanet.layer import Buffer, Layer, Parameter
from portanet.layers._channels import along_channels, check_channels, other_axes, values_per_channel
from portanet.moments import centred, inverse_root
from portanet.options import Option
from portanet.reprs import call_of
from portanet.typing import Array

_JOIN = "sync=True, which takes the statistics of all ranks' rows, "


class _BatchNorm(Layer):
    """The implementation of BatchNorm1d and BatchNorm2d, which differ in the shape of x."""

    channels = Option(check_count, fixed=True)
    momentum = Option(check_number, 0, 1)
    eps = Option(check_number, 0, 1, open_low=True)
    sync = Option(check_flag)
    ndims: ClassVar[tuple[int, ...]]
    wanted: ClassVar[str]

    statistics_frozen: bool = False

    def __init__(
        self, channels: int, *, momentum: float = 0.1, eps: float = 1e-5, affine: bool = True,
        sync: bool = False,
    ) -> None:  # fmt: skip
        self.channels, self.momentum, self.eps, self.sync = channels, momentum, eps, sync
        self.weights = Parameter(constant((channels,), value=1.0)) if affine else None
        self.bias = Parameter(zeros((channels,))) if affine else None
        self.running_mean = Buffer(zeros((channels,)))
        self.running_variance = Buffer(constant((channels,), value=1.0))

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return g n + b, with the batch's mean and variance if training, else the running ones."""
        of_batch = training and not self.statistics_frozen
        self._check(x, of_batch)
        xp = array_namespace(x)
        if of_batch:
            scale, mean, distances, variance = self._statistics(x)
            self._update_running(mean / scale, variance / scale / scale, self._count(x))
            inverse_std = inverse_root(variance, self.eps, scale)
            normal, inverse_std = distances * inverse_std, inverse_std * scale
        else:
            distances = x - along_channels(self.running_mean.value, x)
            variance = along_channels(self.running_variance.value, x)
            inverse_std = 1 / xp.sqrt(variance + self.eps)
            normal = distances * inverse_std
        if training:
            self._saved = normal, inverse_std, of_batch
        if self.weights is None or self.bias is None:
            return normal
        g, b = along_channels(self.weights.value, x), along_channels(self.bias.value, x)
        return normal * g + b

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Set dL/dg and dL/db; return dL/dx."""
        normal, scale, of_batch = self._take_saved()
        xp, axes = array_namespace(grad), other_axes(grad)
        along, total = xp.sum(grad * normal, axis=axes), xp.sum(grad, axis=axes)
        if self.weights is not None and self.bias is not None:
            self.weights.grad, self.bias.grad = along, total
            scale = along_channels(self.weights.value, grad) * scale
        if not of_batch:  # m and v are constants: n is an affine function of x
            return scale * grad
        n = max(self._count(grad), 1)
        if self._is_joined:
            total, along = joined(xp.stack([total, along]))
        mean, along = along_channels(total / n, grad), along_channels(along / n, grad)
        return scale * (grad - mean - normal * along)

    def _statistics(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """Return a scale s, and of s x the mean, the distances and the variance, by channel."""
        xp, axes = array_namespace(x), other_axes(x)
        if self._is_joined:
            n = self._count(x)
            scale, mean, distances = centred(x, axes, joined, n)
            squares = xp.sum(distances * distances, axis=axes, keepdims=True)
            return scale, mean, distances, joined(squares) / n
        if values_per_channel(x) == 0:  # an empty batch: 0, where a mean would be NaN
            zero = xp.sum(x, axis=axes, keepdims=True)
            return zero + 1, zero, x, zero
        scale, mean, distances = centred(x, axes)
        return scale, mean, distances, xp.mean(distances * distances, axis=axes, keepdims=True)

    @property
    def _is_joined(self) -> bool:
        """Whether the statistics are those of a batch that several ranks share."""
        return self.sync and present_share() is not None

    def _count(self, x: Array) -> int:
        """Return how many values each channel of x has, or of the batch that ranks share."""
        n = values_per_channel(x)
        if not self._is_joined:
            return n
        return joined_rows(repr(self), x.shape[0]) * prod(x.shape[2:])

    def _update_running(self, mean: Array, variance: Array, n: int) -> None:
        """Update the running statistics with a batch's, its variance unbiased: divided by n - 1."""
        if n == 0:
            return
        xp, m = array_namespace(mean), self.momentum
        mean = xp.reshape(mean, (self.channels,))
        variance = xp.reshape(variance, (self.channels,)) * (n / (n - 1))
        self.running_mean.value = (1 - m) * self.running_mean.value + m * mean
        self.running_variance.value = (1 - m) * self.running_variance.value + m * variance

    def __repr__(self) -> str:
        options = {"momentum": self.momentum, "eps": self.eps}
        sync = {"sync": True} if self.sync else {}
        return call_of(self, self.channels, **options, affine=self.weights is not None, **sync)

    def _check(self, x: Any, of_batch: bool) -> None:
        if self.weights is None:
            check_alike(self, "x", x, "the running mean", self.running_mean.value)
        else:
            check_alike(self, "x", x, "the weights", self.weights.value)
        check_channels(self, x, self.channels, self.wanted.format(self.channels), self.ndims)
        if of_batch and self._count(x) == 1:
            raise ShapeError(
                f"{self!r}: in training x must have more than one value per channel, as one value "
                f"has no variance; x is {tuple(x.shape)}. Use larger batches (drop_last=True "
                f"drops a last batch of one sample), {_JOIN if present_share() else ''}or "
                "freeze_statistics(model)"
            )


class BatchNorm1d(_BatchNorm):
    """y = g n + b, n = (x - m) / sqrt(v + eps), m and v each channel's mean and variance.

    Shapes: x and y alike, (N, channels) or (N, channels, L); g, b, m, v (channels,).

    With training=True m and v are those of the batch and depend on x: with H = G g,
    dL/dx = (H - mean(H) - n mean(H n)) / sqrt(v + eps), the means over all axes except the
    channels; dL/db and dL/dg are the sums of G and G n. With training=False m and v are running
    averages, updated by each training forward: m <- (1 - momentum) m + momentum (batch's mean), v
    likewise. An empty batch changes nothing.

    momentum in [0, 1] is the weight of the new batch, 0.1 as in PyTorch (Keras' momentum is the
    weight of the old average, 0.99, and its eps 1e-3). A batch is normalized by its biased
    variance, divided by N; the running average uses the unbiased one, divided by N - 1, as in
    PyTorch (Keras: N). g starts at 1, b at 0; affine=False has neither: y = n.

    Where several ranks share a batch (portanet.distributed) m and v are those of each rank's rows,
    or with sync=True of the joined batch: what one rank would compute.

    After freeze_statistics(model) m and v are the running averages in training, too, and no batch
    changes them. They are constants then: dL/dx = G g / sqrt(v + eps), dL/dg and dL/db as above.

    Raises ShapeError unless x has those shapes, or if a training batch has one value per channel;
    ArgumentError unless channels >= 1, momentum is in [0, 1] and eps in (0, 1]; PlacementError or
    DtypeError unless x has the weights' device and dtype.

    Source: Ioffe & Szegedy, "Batch normalization", 2015, algorithms 1 and 2.

    >>> import numpy as np
    >>> norm, x = BatchNorm1d(1), np.asarray([[1.0], [3.0]], np.float32)
    >>> norm.forward(x, training=True).round(3)
    array([[-1.],
           [ 1.]], dtype=float32)
    >>> norm.running_mean.value, norm.running_variance.value.round(3)
    (array([0.2], dtype=float32), array([1.1], dtype=float32))
    """

    ndims = (2, 3)
    wanted = "(N, {0}) or (N, {0}, L)"


class BatchNorm2d(_BatchNorm):
    """BatchNorm1d for images: x (N, channels, H, W), m and v over the batch and all pixels.

    Formula, gradient, running averages, freezing, arguments and errors are those of BatchNorm1d.

    Source: see BatchNorm1d, section 3.2.

    >>> import numpy as np
    >>> BatchNorm2d(3).forward(np.zeros((1, 3, 4, 4), np.float32), training=True).shape
    (1, 3, 4, 4)
    """

    ndims = (4,)
    wanted = "(N, {0}, H, W)"
