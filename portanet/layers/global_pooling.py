"""Global pooling: one number for each channel, however large the image is."""

from math import prod

from portanet.backends import array_namespace
from portanet.checks import dtype_name, is_float
from portanet.errors import DtypeError, ShapeError
from portanet.layer import Layer
from portanet.typing import Array


class GlobalAvgPool(Layer):
    """y[n, c] = the mean of x[n, c, ...] over all positions.

    Shapes: x (N, C, L), (N, C, H, W) or with more axes, y (N, C).

    dL/dx: each of the n numbers of a channel receives 1/n of its gradient.

    Raises ShapeError unless x has at least three axes and a number in each channel; DtypeError
    unless x holds floats.

    Source: Lin, Chen & Yan, "Network in network", 2014, section 3.2.

    >>> import numpy as np
    >>> GlobalAvgPool()(np.asarray([[[[1.0, 2.0], [3.0, 6.0]]]]))
    array([[3.]])
    """

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the mean of each channel."""
        check_floats(self, x)
        if x.ndim < 3 or 0 in x.shape[2:]:
            raise ShapeError(
                f"GlobalAvgPool: x must be (N, C, height, width) or (N, C, length), not empty, is "
                f"{tuple(x.shape)}"
            )
        if training:
            self._saved = tuple(x.shape)
        return array_namespace(x).mean(x, axis=tuple(range(2, x.ndim)))

    def backward(self, grad: Array) -> Array:
        """Return grad / n at each of the n places."""
        xp, shape = array_namespace(grad), self._take_saved()
        grad = xp.reshape(grad / prod(shape[2:]), (*shape[:2], *(1,) * (len(shape) - 2)))
        return xp.broadcast_to(grad, shape)


def check_floats(layer: Layer, x: Array) -> None:
    """Raise DtypeError unless x holds floats, of which means and maxima are taken."""
    if not is_float(x):
        raise DtypeError(f"{layer!r}: x must be float32 or float64, is {dtype_name(x.dtype)}")
