"""Pooling on NumPy arrays by compiled loops, where numba is installed (extra `fast`).

For windows that lie side by side; others, and small work, go to NumPy. Measured on float32, one
thread, ms of CPU time, beside NumPy and PyTorch: 64 x 16 x 28 x 28, windows of 2 x 2: y 0.15 (0.44,
4.4), dL/dx 0.25 (4.3, 0.16); 64 x 32 x 14 x 14: 0.12 (0.29, 2.3), 0.25 (2.4, 0.09). (PyTorch keeps
the place of each maximum; here it is looked for again.)
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from portanet.backends._numba import compiling
from portanet.backends._numpy import kernels_pool as numpy_kernels
from portanet.backends._numpy.results import delivered, result, takes_out
from portanet.backends._numpy.threads import in_parts

LEAST = 2**17  # numbers in an image: with fewer, NumPy is done before numba is imported
_A_THREADS = 2**20  # numbers that are worth a thread of their own
_LINE = 64  # bytes
_LANES = 16  # _numba_vectors.LANES, which only numba can import
_PLANES = "{0}[:,:,::1]"
_SIGNATURES = {
    "forward": f"void({_PLANES},{_PLANES})",
    "backward": f"void({_PLANES},{_PLANES},{_PLANES},{_PLANES},{{0}}[::1])",
}


@takes_out
def max_pool2d(x: np.ndarray, window: Any, out: np.ndarray | None = None) -> np.ndarray:
    """Return the largest number that each place sees, in `out` if given. x (N, C, H, W)."""
    loop = _loop("forward", (x,), window)
    if loop is None:
        return delivered(out, _plain(x, window))
    y = result(out, (*x.shape[:2], *window.output_size(x.shape[2:])), x.dtype)
    planes = [_planes(array) for array in (x, y)]
    most = x.size // _A_THREADS
    in_parts(len(planes[0]), lambda part: loop(*(array[part] for array in planes)), most)
    return delivered(out, y)


@takes_out
def max_pool2d_backward(
    grad: np.ndarray, x: np.ndarray, y: np.ndarray, window: Any, out: np.ndarray | None = None
) -> np.ndarray:
    """Return grad where each maximum was found first, in `out` if given."""
    loop = _loop("backward", (grad, x, y), window)
    if loop is None:
        return delivered(out, numpy_kernels.max_pool2d_backward(grad, x, y, window))
    grad_x = result(out, x.shape, x.dtype)
    for axis in (2, 3):  # what no window sees
        grad_x[(slice(None),) * axis + (slice(y.shape[axis] * window.kernel[axis - 2], None),)] = 0
    planes = [_planes(array) for array in (grad, x, y, grad_x)]

    def work(part: slice) -> None:
        room = _aligned(2 * _LANES * (1 + window.kernel[0] * window.kernel[1]), x.dtype)
        loop(*(array[part] for array in planes), room)

    in_parts(len(planes[0]), work, x.size // _A_THREADS)
    return delivered(out, grad_x)


def _aligned(n: int, dtype: np.dtype) -> np.ndarray:
    """Return n zeros in whole lines of the cache: across two, each of LANES numbers costs twice."""
    room = np.zeros(n * dtype.itemsize + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : start + n * dtype.itemsize].view(dtype)


def _plain(x: np.ndarray, window: Any) -> np.ndarray:
    """Return the maximum over the window's offsets, of views of x with -inf around it."""
    padding = ((0, 0), (0, 0), *window.padding)
    if any(map(any, window.padding)):
        x = np.pad(x, padding, constant_values=-np.inf)
    views = [window.at(x, i, j) for i, j in window.offsets()]
    y = views[0].copy()
    for view in views[1:]:
        np.maximum(y, view, out=y)
    return y


def _loop(name: str, arrays: tuple[np.ndarray, ...], window: Any) -> Callable[..., None] | None:
    """Return the compiled loop, or None where it does not apply or does not pay."""
    side_by_side = window.stride == window.kernel and not any(map(any, window.padding))
    size = max(array.size for array in arrays)
    if size < LEAST or not side_by_side or window.dilation != (1, 1):
        return None
    signature = _SIGNATURES[name]
    return compiling.float_loop("loops_pool", name, signature, arrays, KERNEL=window.kernel)


def _planes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1, *array.shape[2:])


MAKERS = compiling.makers(max_pool2d, max_pool2d_backward)
