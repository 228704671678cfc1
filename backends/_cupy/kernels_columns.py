"""im2col and its adjoint, col2im, for convolution on CuPy.

im2col writes, for each image, the matrix columns[c, a, b, p, q] = x[c, p s + a d, q s + b d]. Its
adjoint is written as a gather: each pixel sums, in a fixed order, over the output elements that
depend on it, so that results are reproducible (a scatter would need atomic additions, whose order
varies).

The position of a thread takes two divisions, which are slow. So a thread writes a whole window, or
sums up the same pixel of 4 channels. Neighbouring threads have neighbouring q (or pixels), so that
a warp reads and writes whole sectors; and a thread's loads come before its stores, all under way
at once.
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

_PLANES = 4  # channels of a pixel that a thread of col2im sums up

# 9 elements at a time: a window of 3 x 3
_im2col = window_kernel(
    f"raw T x, {SIZES}, {WINDOW}",
    "raw T columns",
    PLACE
    + """
    const int top = p * SY - PY, left = q * SX - PX, n = KH * KW, plane = OH * OW;
    const Index at = rest * n * plane + p * OW + q;
    int a = 0, b = 0;
    for (int first = 0; first < n; first += 9) {
        T values[9];
        #pragma unroll
        for (int u = 0; u < 9; ++u) {
            const int row = top + a * DY, col = left + b * DX;
            const bool inside = a < KH && row >= 0 && row < H && col >= 0 && col < W;
            values[u] = inside ? x[(rest * H + row) * W + col] : T(0);
            if (++b == KW) { b = 0; ++a; }
        }
        #pragma unroll
        for (int u = 0; u < 9; ++u)
            if (first + u < n) columns[at + (Index)(first + u) * plane] = values[u];
    }
    """,
    "portanet_im2col",
)

_col2im = window_kernel(
    f"raw T columns, {SIZES}, {WINDOW}, int64 n_planes",
    "raw T x",
    f"const int N = {_PLANES};"
    + """
    T sums[N];  // not = {}: CuPy's float16 has a constructor that sets nothing
    #pragma unroll
    for (int u = 0; u < N; ++u) sums[u] = T(0);
    """
    + FOR_PLACES
    + """
            T values[N];
            #pragma unroll
            for (int u = 0; u < N; ++u) {
                const Index plane = rest * N + u < n_planes ? rest * N + u : n_planes - 1;
                values[u] = columns[(((plane * KH + a) * KW + b) * OH + p) * OW + q];
            }
            #pragma unroll
            for (int u = 0; u < N; ++u) sums[u] += values[u];
        }
    }
    const Index pixel = (Index)(row - PY) * W + col - PX;
    #pragma unroll
    for (int u = 0; u < N; ++u)
        if (rest * N + u < n_planes) x[(rest * N + u) * H * W + pixel] = sums[u];
    """,
    "portanet_col2im",
)


def im2col(x: Any, window: Any, output: Any) -> Any:
    """Return the columns of images x (n, channels, H, W): (n, channels, *kernel, *output)."""
    columns = cp.empty((*x.shape[:2], *window.kernel, *output), x.dtype)
    n_threads = x.shape[0] * x.shape[1] * output[0] * output[1]
    _im2col(x, *numbers_of(window, x.shape[2:], output), columns, size=n_threads)
    return columns


def col2im(columns: Any, window: Any, output: Any, x: Any) -> None:
    """Set images x (n, channels, H, W), contiguous, to the adjoint of im2col of their columns."""
    n_planes, size = x.shape[0] * x.shape[1], x.shape[2:]
    n_threads = -(-n_planes // _PLANES) * size[0] * size[1]
    _col2im(columns, *numbers_of(window, size, output), n_planes, x, size=n_threads)
