"""Pooling on NumPy arrays by compiled loops, where llvmlite is installed (extra `fast`).

For windows that lie side by side; others, and small work, go to NumPy.
"""

from typing import Any

import numpy as np

from portanet.backends._llvm.files import Loop, loop_of, makers
from portanet.backends._numpy import kernels_pool as numpy_kernels
from portanet.backends._numpy.results import delivered, result, takes_out
from portanet.backends._numpy.threads import in_parts

# numbers in images: with fewer, NumPy is done before LLVM has compiled a loop
LEAST = {"float32": 2**17, "float64": 2**21}
A_THREADS = 2**20  # numbers that are worth a thread of their own
_BLOCKS = (16, 8, 4)  # windows that are looked at together


@takes_out
def max_pool2d(x: np.ndarray, window: Any, out: np.ndarray | None = None) -> np.ndarray:
    """Return the largest number that each place sees, in `out` if given. x (N, C, H, W)."""
    shape = (*x.shape[:2], *window.output_size(x.shape[2:]))
    loop = _loop("forward", (x,), window, shape[-1])
    if loop is None:
        return delivered(out, _plain(x, window))
    y = result(out, shape, x.dtype)
    _run(loop, x, y)
    return delivered(out, y)


@takes_out
def max_pool2d_backward(
    grad: np.ndarray, x: np.ndarray, y: np.ndarray, window: Any, out: np.ndarray | None = None
) -> np.ndarray:
    """Return grad where each maximum was found first, in `out` if given."""
    loop = _loop("backward", (grad, x, y), window, y.shape[-1])
    if loop is None:
        return delivered(out, numpy_kernels.max_pool2d_backward(grad, x, y, window))
    grad_x = result(out, x.shape, x.dtype)
    for axis in (2, 3):  # what no window sees
        grad_x[(slice(None),) * axis + (slice(y.shape[axis] * window.kernel[axis - 2], None),)] = 0
    _run(loop, x, y, grad, grad_x)
    return delivered(out, grad_x)


def _run(loop: Loop, x: np.ndarray, y: np.ndarray, *others: np.ndarray) -> None:
    planes = [_planes(array) for array in (x, y, *others)]
    sizes = (*planes[0].shape[1:], *planes[1].shape[1:])

    def work(part: slice) -> None:
        loop(*(array[part] for array in planes), part.stop - part.start, *sizes)

    in_parts(len(planes[0]), work, x.size // A_THREADS)


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


def _loop(name: str, arrays: tuple[np.ndarray, ...], window: Any, width: int) -> Loop | None:
    """Return the compiled loop, or None where it does not apply or does not pay."""
    size = max(array.size for array in arrays)
    if size < LEAST.get(arrays[0].dtype.name, 0) or not lies_side_by_side(window):
        return None
    return loop_of("loops_pool", name, arrays, **constants_of(window, width))


def lies_side_by_side(window: Any) -> bool:
    """Return whether there is a loop for a window."""
    padded = any(map(any, window.padding))
    return window.stride == window.kernel and not padded and window.dilation == (1, 1)


def constants_of(window: Any, width: int) -> dict[str, Any]:
    """Return what is written out in the loop over a window's outputs, rows of a width."""
    rows, columns = (tuple(range(n)) for n in window.kernel)
    block = next((n for n in _BLOCKS if n <= width), 1)
    return {"I_J": (rows, columns), "kh_kw_block": (*window.kernel, block)}


def _planes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1, *array.shape[2:])


MAKERS = makers(max_pool2d, max_pool2d_backward)
