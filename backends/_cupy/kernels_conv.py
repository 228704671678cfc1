"""Convolution on CuPy: im2col and cuBLAS.

im2col makes a matrix of each image (kernels_columns.py); the convolution is one product of it with
the weights.

Counted launches beside one product, and those of the plain definition: 3 x 3 convolution 1 and 90,
its derivatives 2 and 38 (w), 1 and 115 (x), with groups one more. All can be captured into a CUDA
graph. Images are processed in blocks whose columns take less than 32 MiB: they are written and read
in the second-level cache (50 MiB on an H100 or H200), not in the device's memory.
"""

from typing import Any

import cupy as cp

from portanet.backends._cupy.kernels_columns import col2im, im2col
from portanet.backends._cupy.matmul import matmul
from portanet.backends._images import blocks

_BLOCK = 2**25  # bytes of columns at a time


def conv2d(x: Any, w: Any, window: Any, groups: int = 1) -> Any:
    """Return y = w columns."""
    n, n_out = x.shape[0], w.shape[0]
    size = window.output_size(x.shape[2:])
    y = cp.empty((n, groups, n_out // groups, size[0] * size[1]), x.dtype)
    weights = w.reshape(groups, n_out // groups, -1)
    for part in blocks(n, _n_columns(x.shape[1], window, size) * x.itemsize, _BLOCK):
        matmul(weights, _columns(x[part], window, groups), y[part])
    return y.reshape(n, n_out, *size)


def conv2d_backward_w(grad: Any, x: Any, window: Any, groups: int = 1) -> Any:
    """Return dL/dw = grad columnsᵀ, added up over the batch."""
    (n, n_out, height, width), n_inp = grad.shape, x.shape[1] // groups
    rows = grad.reshape(n, groups, n_out // groups, height * width)
    grad_w: Any = None
    for part in blocks(n, _n_columns(x.shape[1], window, (height, width)) * x.itemsize, _BLOCK):
        columns = _columns(x[part], window, groups)
        products = cp.empty((len(columns), groups, n_out // groups, columns.shape[2]), x.dtype)
        matmul(rows[part], columns.swapaxes(2, 3), products)
        total = products.sum(axis=0)
        grad_w = total if grad_w is None else total + grad_w
    shape = (n_out, n_inp, *window.kernel)
    return cp.zeros(shape, x.dtype) if grad_w is None else grad_w.reshape(shape)


def conv2d_backward_x(grad: Any, w: Any, window: Any, size: Any, groups: int = 1) -> Any:
    """Return dL/dx: wᵀ grad, gathered for each pixel."""
    (n, n_out, height, width), n_inp = grad.shape, w.shape[1]
    rows = grad.reshape(n, groups, n_out // groups, height * width)
    weights = w.reshape(groups, n_out // groups, -1).swapaxes(1, 2)
    grad_x = cp.empty((n, n_inp * groups, *size), grad.dtype)
    for part in blocks(
        n, _n_columns(n_inp * groups, window, (height, width)) * grad.itemsize, _BLOCK
    ):
        shape = (len(rows[part]), groups, weights.shape[1], height * width)
        if _is_pointwise(window):
            matmul(weights, rows[part], grad_x[part].reshape(shape))
            continue
        columns = cp.empty(shape, grad.dtype)
        matmul(weights, rows[part], columns)
        col2im(columns, window, (height, width), grad_x[part])
    return grad_x


def _columns(x: Any, window: Any, groups: int) -> Any:
    """Return the columns of some images, (n, groups, K, OH * OW)."""
    size = window.output_size(x.shape[2:])
    columns = x if _is_pointwise(window) else im2col(x, window, size)
    return columns.reshape(x.shape[0], groups, -1, size[0] * size[1])


def _is_pointwise(window: Any) -> bool:
    """Return whether the columns of images are the images: 1 x 1, each pixel once."""
    pads = any(map(any, window.padding))
    return window.kernel == window.stride == (1, 1) and not pads


def _n_columns(channels: int, window: Any, output: Any) -> int:
    return channels * window.kernel[0] * window.kernel[1] * output[0] * output[1]


KERNELS = {
    "conv2d": conv2d,
    "conv2d_backward_w": conv2d_backward_w,
    "conv2d_backward_x": conv2d_backward_x,
}
