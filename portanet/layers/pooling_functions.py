"""Pooling of images and its derivatives, as maxima and sums over the offsets of a window."""

from portanet.backends import array_namespace
from portanet.dispatch import accelerable
from portanet.layers.windows import Pair, Window, sum_of
from portanet.typing import Array


@accelerable
def max_pool2d(x: Array, window: Window) -> Array:
    """Return the maximum of each window, NaN if it holds NaN. x (N, C, H, W).

    >>> import numpy as np
    >>> max_pool2d(np.asarray([[[[1.0, 2.0, 5.0], [4.0, 3.0, 0.0]]]]), Window((2, 2)))
    array([[[[4., 5.]]]])
    """
    xp, padded = array_namespace(x), window.pad(x, -float("inf"))
    parts = (window.at(padded, i, j) for i, j in window.offsets())
    y = next(parts)
    for part in parts:
        y = xp.maximum(y, part)
    return y


@accelerable
def max_pool2d_backward(grad: Array, x: Array, y: Array, window: Window) -> Array:
    """Return dL/dx: each gradient goes to the first maximum of its window, row by row.

    >>> import numpy as np
    >>> x = np.asarray([[[[4.0, 2.0, 5.0], [4.0, 3.0, 0.0]]]])
    >>> max_pool2d_backward(np.ones((1, 1, 1, 2)), x, max_pool2d(x, Window((2, 2))), Window((2, 2)))
    array([[[[1., 0., 1.],
             [0., 0., 0.]]]])
    """
    xp, padded = array_namespace(x), window.pad(x, -float("inf"))
    inside = xp.ones((1, 1, *x.shape[2:]), dtype=xp.bool, device=x.device)
    inside = window.pad(inside, False)  # padding receives no gradient, not even where all is -inf
    found = xp.zeros(y.shape, dtype=xp.bool, device=x.device)

    def part(i: int, j: int) -> Array:
        nonlocal found
        read = window.at(padded, i, j)
        here = ((read == y) | xp.isnan(read)) & window.at(inside, i, j) & ~found
        found = found | here
        return xp.where(here, grad, 0.0)

    return window.put(part, (x.shape[2], x.shape[3]))


@accelerable
def avg_pool2d(x: Array, window: Window) -> Array:
    """Return the mean of each window, padding counted as zeros. x (N, C, H, W).

    >>> import numpy as np
    >>> avg_pool2d(np.asarray([[[[1.0, 2.0, 5.0], [4.0, 3.0, 0.0]]]]), Window((2, 2)))
    array([[[[2.5, 2.5]]]])
    """
    padded, n = window.pad(x), window.kernel[0] * window.kernel[1]
    return sum_of(window.at(padded, i, j) for i, j in window.offsets()) / n


@accelerable
def avg_pool2d_backward(grad: Array, window: Window, size: Pair) -> Array:
    """Return dL/dx (N, C, *size): each gradient in equal shares to all places of its window.

    >>> import numpy as np
    >>> avg_pool2d_backward(np.asarray([[[[4.0, 8.0]]]]), Window((2, 2)), (2, 3))
    array([[[[1., 3., 2.],
             [1., 3., 2.]]]])
    """
    share = grad / (window.kernel[0] * window.kernel[1])
    return window.put(lambda i, j: share, size)  # noqa: ARG005 - the same at every offset
