"""Pooling on CuPy, one launch each.

Derivatives are gathered in a fixed order, so that results are reproducible. Launches, and those of
the plain definition: 2 x 2 maximum 1 and 3, its derivative 2 and 66; mean 1 and 4, its
derivative 1 and 34. All can be captured into a CUDA graph.
"""

from typing import Any

import cupy as cp

from portanet.backends._cupy.windows import (
    FOR_PLACES,
    PLACE,
    SIZES,
    WINDOW,
    numbers_of,
    window_kernel,
)

_max_pool = window_kernel(
    f"raw T x, {SIZES}, {WINDOW}",
    "T out, int32 at",
    PLACE
    + """
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

_max_pool_backward = window_kernel(
    f"raw T grad, raw int32 at, {SIZES}, {WINDOW}",
    "T out",
    "T sum = T(0);"
    + FOR_PLACES
    + """
            const Index place = (rest * OH + p) * OW + q;
            if (at[place] == a * KW + b) sum += grad[place];
        }
    }
    out = sum;
    """,
    "portanet_max_pool2d_backward",
)

_avg_pool = window_kernel(
    f"raw T x, {SIZES}, {WINDOW}",
    "T out",
    PLACE
    + """
    T sum = T(0);
    for (int a = 0; a < KH; ++a) for (int b = 0; b < KW; ++b) {
        const int row = p * SY - PY + a * DY, col = q * SX - PX + b * DX;
        if (row >= 0 && row < H && col >= 0 && col < W) sum += x[(rest * H + row) * W + col];
    }
    out = sum / T(KH * KW);
    """,
    "portanet_avg_pool2d",
)

_avg_pool_backward = window_kernel(
    f"raw T grad, {SIZES}, {WINDOW}",
    "T out",
    "T sum = T(0);"
    + FOR_PLACES
    + """
            sum += grad[(rest * OH + p) * OW + q];
        }
    }
    out = sum / T(KH * KW);
    """,
    "portanet_avg_pool2d_backward",
)


def max_pool2d(x: Any, window: Any) -> Any:
    """Return the maximum of each window."""
    return _maxima(x, window)[0]


def max_pool2d_backward(grad: Any, x: Any, y: Any, window: Any) -> Any:  # noqa: ARG001
    """Return grad where each maximum was found; finding it again is cheaper than saving it."""
    numbers = numbers_of(window, x.shape[2:], grad.shape[2:])
    return _max_pool_backward(grad, _maxima(x, window)[1], *numbers, cp.empty_like(x, order="C"))


def avg_pool2d(x: Any, window: Any) -> Any:
    """Return the mean of each window."""
    size = window.output_size(x.shape[2:])
    y = cp.empty((*x.shape[:2], *size), x.dtype)
    return _avg_pool(x, *numbers_of(window, x.shape[2:], size), y)


def avg_pool2d_backward(grad: Any, window: Any, size: Any) -> Any:
    """Return each window's gradient in equal shares."""
    grad_x = cp.empty((*grad.shape[:2], *size), grad.dtype)
    return _avg_pool_backward(grad, *numbers_of(window, size, grad.shape[2:]), grad_x)


def _maxima(x: Any, window: Any) -> tuple[Any, Any]:
    """Return the maxima, and the offset (a KW + b) of each in its window."""
    size = window.output_size(x.shape[2:])
    y = cp.empty((*x.shape[:2], *size), x.dtype)
    return _max_pool(x, *numbers_of(window, x.shape[2:], size), y, cp.empty(y.shape, cp.int32))


KERNELS = {
    "avg_pool2d": avg_pool2d,
    "avg_pool2d_backward": avg_pool2d_backward,
    "max_pool2d": max_pool2d,
    "max_pool2d_backward": max_pool2d_backward,
}
