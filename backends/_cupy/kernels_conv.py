"""Convolution and pooling on CuPy: columns of what each place sees, and cuBLAS.

im2col writes, for each image, the matrix columns[c, i, j, p, q] = x[c, p s + i d, q s + j d], and
the convolution is one product of it with the weights. col2im is its adjoint, written as a gather:
each pixel adds up, in a fixed order, what the places that saw it send back, so that two runs give
the same bits (a scatter would need atomic additions, whose order is chance).

Counted launches beside one product, and those of the plain definition: 3 x 3 convolution 1 and 90,
its derivatives 2 and 38 (w), 1 and 115 (x), with groups one more; 2 x 2 maximum 1 and 3, its
derivative 2 and 66; mean 1 and 4, its derivative 1 and 34. All can be captured into a
CUDA graph. Images are done as many at a time as keep the columns below 64 MiB.
"""

from collections.abc import Iterator
from typing import Any

import cupy as cp

from portanet.backends._cupy.matmul import matmul

_BLOCK = 2**26  # bytes of columns at a time

# What every kernel knows: the sizes, and where the window lies (rows y, columns x).
_SIZES = "int32 H, int32 W, int32 OH, int32 OW, int32 KH, int32 KW"
_LIES = "int32 SY, int32 SX, int32 PY, int32 PX, int32 DY, int32 DX"

_im2col = cp.ElementwiseKernel(
    f"raw T x, {_SIZES}, {_LIES}",
    "T out",
    """
    long long rest = i;
    const int q = rest % OW; rest /= OW;
    const int p = rest % OH; rest /= OH;
    const int col = q * SX - PX + (int)(rest % KW) * DX; rest /= KW;
    const int row = p * SY - PY + (int)(rest % KH) * DY; rest /= KH;
    const bool inside = row >= 0 && row < H && col >= 0 && col < W;
    out = inside ? x[(rest * H + row) * W + col] : T(0);
    """,
    "portanet_im2col",
)

# Loops over the places (p, q) that see the pixel (row, col), at offset (a, b) of the kernel.
_FOR_PLACES = """
    long long rest = i;
    const int col = (int)(rest % W) + PX; rest /= W;
    const int row = (int)(rest % H) + PY; rest /= H;
    T sum = T(0);
    for (int a = 0; a < KH; ++a) {
        const int down = row - a * DY, p = down / SY;
        if (down < 0 || down % SY || p >= OH) continue;
        for (int b = 0; b < KW; ++b) {
            const int right = col - b * DX, q = right / SX;
            if (right < 0 || right % SX || q >= OW) continue;
"""

_col2im = cp.ElementwiseKernel(
    f"raw T columns, {_SIZES}, {_LIES}",
    "T out",
    _FOR_PLACES
    + """
            sum += columns[(((rest * KH + a) * KW + b) * OH + p) * OW + q];
        }
    }
    out = sum;
    """,
    "portanet_col2im",
)

_max_pool = cp.ElementwiseKernel(
    f"raw T x, {_SIZES}, {_LIES}",
    "T out, int32 at",
    """
    long long rest = i;
    const int q = rest % OW; rest /= OW;
    const int p = rest % OH; rest /= OH;
    T best = T(-1) / T(0);  // -inf
    int where = -1;
    for (int a = 0; a < KH; ++a) for (int b = 0; b < KW; ++b) {
        const int row = p * SY - PY + a * DY, col = q * SX - PX + b * DX;
        if (row < 0 || row >= H || col < 0 || col >= W) continue;
        const T value = x[(rest * H + row) * W + col];
        if (where < 0 || value > best || (isnan(value) && !isnan(best))) {
            best = value;
            where = a * KW + b;
        }
    }
    out = best;
    at = where;
    """,
    "portanet_max_pool2d",
)

_max_pool_backward = cp.ElementwiseKernel(
    f"raw T grad, raw int32 at, {_SIZES}, {_LIES}",
    "T out",
    _FOR_PLACES
    + """
            const long long place = (rest * OH + p) * OW + q;
            if (at[place] == a * KW + b) sum += grad[place];
        }
    }
    out = sum;
    """,
    "portanet_max_pool2d_backward",
)

_avg_pool = cp.ElementwiseKernel(
    f"raw T x, {_SIZES}, {_LIES}",
    "T out",
    """
    long long rest = i;
    const int q = rest % OW; rest /= OW;
    const int p = rest % OH; rest /= OH;
    T sum = T(0);
    for (int a = 0; a < KH; ++a) for (int b = 0; b < KW; ++b) {
        const int row = p * SY - PY + a * DY, col = q * SX - PX + b * DX;
        if (row >= 0 && row < H && col >= 0 && col < W) sum += x[(rest * H + row) * W + col];
    }
    out = sum / T(KH * KW);
    """,
    "portanet_avg_pool2d",
)

_avg_pool_backward = cp.ElementwiseKernel(
    f"raw T grad, {_SIZES}, {_LIES}",
    "T out",
    _FOR_PLACES
    + """
            sum += grad[(rest * OH + p) * OW + q];
        }
    }
    out = sum / T(KH * KW);
    """,
    "portanet_avg_pool2d_backward",
)


def conv2d(x: Any, w: Any, window: Any, groups: int = 1) -> Any:
    """Return y = w columns."""
    n, n_out = x.shape[0], w.shape[0]
    size = window.output_size(x.shape[2:])
    y = cp.empty((n, groups, n_out // groups, size[0] * size[1]), x.dtype)
    weights = w.reshape(groups, n_out // groups, -1)
    for part in _parts(n, _n_columns(x.shape[1], window, size) * x.itemsize):
        matmul(weights, _columns(x[part], window, groups), y[part])
    return y.reshape(n, n_out, *size)


def conv2d_backward_w(grad: Any, x: Any, window: Any, groups: int = 1) -> Any:
    """Return dL/dw = grad columnsᵀ, added up over the batch."""
    (n, n_out, height, width), n_inp = grad.shape, x.shape[1] // groups
    rows = grad.reshape(n, groups, n_out // groups, height * width)
    grad_w: Any = None
    for part in _parts(n, _n_columns(x.shape[1], window, (height, width)) * x.itemsize):
        columns = _columns(x[part], window, groups)
        products = cp.empty((len(columns), groups, n_out // groups, columns.shape[2]), x.dtype)
        matmul(rows[part], columns.swapaxes(2, 3), products)
        total = products.sum(axis=0)
        grad_w = total if grad_w is None else total + grad_w
    shape = (n_out, n_inp, *window.kernel)
    return cp.zeros(shape, x.dtype) if grad_w is None else grad_w.reshape(shape)


def conv2d_backward_x(grad: Any, w: Any, window: Any, size: Any, groups: int = 1) -> Any:
    """Return dL/dx: wᵀ grad, gathered from the places that saw each pixel."""
    (n, n_out, height, width), n_inp = grad.shape, w.shape[1]
    rows = grad.reshape(n, groups, n_out // groups, height * width)
    weights = w.reshape(groups, n_out // groups, -1).swapaxes(1, 2)
    grad_x = cp.empty((n, n_inp * groups, *size), grad.dtype)
    lies = _lies(window, size, (height, width))
    for part in _parts(n, _n_columns(n_inp * groups, window, (height, width)) * grad.itemsize):
        columns = cp.empty((len(rows[part]), groups, weights.shape[1], height * width), grad.dtype)
        matmul(weights, rows[part], columns)
        _col2im(columns, *lies, grad_x[part])
    return grad_x


def max_pool2d(x: Any, window: Any) -> Any:
    """Return the largest number that each place sees."""
    return _maxima(x, window)[0]


def max_pool2d_backward(grad: Any, x: Any, y: Any, window: Any) -> Any:  # noqa: ARG001
    """Return grad where each maximum was found: found anew, which is cheaper than to keep it."""
    lies = _lies(window, x.shape[2:], grad.shape[2:])
    return _max_pool_backward(grad, _maxima(x, window)[1], *lies, cp.empty_like(x, order="C"))


def avg_pool2d(x: Any, window: Any) -> Any:
    """Return the mean of what each place sees."""
    size = window.output_size(x.shape[2:])
    y = cp.empty((*x.shape[:2], *size), x.dtype)
    return _avg_pool(x, *_lies(window, x.shape[2:], size), y)


def avg_pool2d_backward(grad: Any, window: Any, size: Any) -> Any:
    """Return each place's gradient in equal shares."""
    grad_x = cp.empty((*grad.shape[:2], *size), grad.dtype)
    return _avg_pool_backward(grad, *_lies(window, size, grad.shape[2:]), grad_x)


def _maxima(x: Any, window: Any) -> tuple[Any, Any]:
    """Return the maxima, and at which offset (a KW + b) each was found first."""
    size = window.output_size(x.shape[2:])
    y = cp.empty((*x.shape[:2], *size), x.dtype)
    return _max_pool(x, *_lies(window, x.shape[2:], size), y, cp.empty(y.shape, cp.int32))


def _columns(x: Any, window: Any, groups: int) -> Any:
    """Return what each place of some images sees, (n, groups, K, OH * OW)."""
    (n, channels), size = x.shape[:2], window.output_size(x.shape[2:])
    columns = cp.empty((n, channels, *window.kernel, *size), x.dtype)
    _im2col(x, *_lies(window, x.shape[2:], size), columns)
    return columns.reshape(n, groups, -1, size[0] * size[1])


def _lies(window: Any, size: Any, output: Any) -> tuple[int, ...]:
    """Return the numbers of _SIZES and _LIES."""
    (top, _), (left, _) = window.padding
    return (*size, *output, *window.kernel, *window.stride, top, left, *window.dilation)


def _n_columns(channels: int, window: Any, output: Any) -> int:
    return channels * window.kernel[0] * window.kernel[1] * output[0] * output[1]


def _parts(n: int, n_bytes: int) -> Iterator[slice]:
    """Cut n images into parts whose columns stay below _BLOCK, one at least."""
    step = max(1, _BLOCK // max(1, n_bytes))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


KERNELS = {
    "avg_pool2d": avg_pool2d,
    "avg_pool2d_backward": avg_pool2d_backward,
    "conv2d": conv2d,
    "conv2d_backward_w": conv2d_backward_w,
    "conv2d_backward_x": conv2d_backward_x,
    "max_pool2d": max_pool2d,
    "max_pool2d_backward": max_pool2d_backward,
}
