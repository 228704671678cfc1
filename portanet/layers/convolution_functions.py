"""The convolution of images and its two derivatives, as sums over the offsets of the kernel.

Let x[i, j] be the numbers of x that the places of the output read at offset (i, j) of the kernel,
and w[i, j] the (n_out, n_inp) matrix of weights there. Then

    y = sum over (i, j) of w[i, j] x[i, j]

which is linear in w and in x, so with G = dL/dy

    dL/dw[i, j] = sum over the batch of G x[i, j]ᵀ
    dL/dx = sum over (i, j) of w[i, j]ᵀ G, added at the places of x that (i, j) reads.

The channels form `groups`, each with its own inputs and outputs.
"""

from typing import Any

from portanet.backends import array_namespace
from portanet.dispatch import accelerable
from portanet.layers.windows import Pair, Window, sum_of
from portanet.typing import Array


@accelerable
def conv2d(x: Array, w: Array, window: Window, groups: int = 1) -> Array:
    """Return y of x (N, C, H, W) and w (O, C/groups, kh, kw): (N, O, OH, OW).

    >>> import numpy as np
    >>> conv2d(np.ones((1, 1, 3, 4)), np.ones((1, 1, 2, 2)), Window((2, 2)))
    array([[[[4., 4., 4.],
             [4., 4., 4.]]]])
    """
    size, padded, weights = window.output_size(x.shape[-2:]), window.pad(x), _matrices(w, groups)
    y = sum_of(weights(i, j) @ _rows(window.at(padded, i, j), groups) for i, j in window.offsets())
    return array_namespace(x).reshape(y, (x.shape[0], w.shape[0], *size))


@accelerable
def conv2d_backward_x(grad: Array, w: Array, window: Window, size: Pair, groups: int = 1) -> Array:
    """Return dL/dx (N, C, *size) from grad = dL/dy (N, O, OH, OW); `size` is x's height and width.

    >>> import numpy as np
    >>> conv2d_backward_x(np.ones((1, 1, 1, 2)), np.ones((1, 1, 2, 2)), Window((2, 2)), (2, 3))
    array([[[[1., 2., 1.],
             [1., 2., 1.]]]])
    """
    xp, weights, rows = array_namespace(grad), _matrices(w, groups), _rows(grad, groups)
    shape = (grad.shape[0], w.shape[1] * groups, *grad.shape[-2:])

    def part(i: int, j: int) -> Array:
        return xp.reshape(xp.matrix_transpose(weights(i, j)) @ rows, shape)

    return window.put(part, size)


@accelerable
def conv2d_backward_w(grad: Array, x: Array, window: Window, groups: int = 1) -> Array:
    """Return dL/dw (O, C/groups, kh, kw) from grad = dL/dy (N, O, OH, OW) and x.

    >>> import numpy as np
    >>> conv2d_backward_w(np.ones((1, 1, 1, 2)), np.ones((1, 1, 2, 3)), Window((2, 2)))
    array([[[[2., 2.],
             [2., 2.]]]])
    """
    xp, padded, rows = array_namespace(x), window.pad(x), _rows(grad, groups)

    def part(i: int, j: int) -> Array:
        read = _rows(window.at(padded, i, j), groups)
        return xp.sum(rows @ xp.matrix_transpose(read), axis=0)

    parts = xp.stack([part(i, j) for i, j in window.offsets()], axis=-1)
    return xp.reshape(parts, (grad.shape[1], x.shape[1] // groups, *window.kernel))


def _rows(x: Array, groups: int) -> Array:
    """Return x (N, C, H, W) as (N, groups, C/groups, H * W): a matrix for each group."""
    n, channels, height, width = x.shape
    return array_namespace(x).reshape(x, (n, groups, channels // groups, height * width))


def _matrices(w: Array, groups: int) -> Any:
    """Return a function that returns the weights at an offset, (groups, O/groups, C/groups)."""
    n_out, n_inp, height, width = w.shape
    w = array_namespace(w).reshape(w, (groups, n_out // groups, n_inp, height, width))
    return lambda i, j: w[:, :, :, i, j]
