"""Convolution on NumPy arrays by compiled loops, where llvmlite is installed (extra `fast`).

One call does a batch: it writes columns for a few rows of one image, which stay in a core's cache,
and hands them to BLAS, with nothing of Python between two products. Small work goes to NumPy's
kernels, so that it never waits for LLVM to be imported. Measured: benchmarks/convolution.py.
"""

from math import prod
from typing import Any

import numpy as np

from portanet.backends._llvm.files import Loop, loop_of, makers
from portanet.backends._numpy import kernels_conv as numpy_kernels
from portanet.backends._numpy.blas import numpy_blas
from portanet.backends._numpy.results import delivered, result, takes_out
from portanet.backends._numpy.threads import in_parts

# multiplications: fewer take less than a millisecond anyway, and compiling a tenth of a second
LEAST = {"float32": 2**22, "float64": 2**26}
_STRIP = 2**19  # bytes of columns at a time: they stay in a core's cache beside what else is there
A_THREADS = 2**24  # multiplications that are worth a thread of their own
_MOST_SUMS = 8  # of parts of a batch: their number must not depend on that of threads
Images = tuple[int, int, int, int]


@takes_out
def conv2d(
    x: np.ndarray, w: np.ndarray, window: Any, groups: int = 1, out: np.ndarray | None = None
) -> np.ndarray:
    """Return y of x (N, C, H, W) and w (O, C/groups, kh, kw), in `out` if given."""
    shape = (len(x), len(w), *window.output_size(x.shape[2:]))
    cost = prod(shape) * w[:1].size
    loop = _loop("forward", (x, w), cost)
    if loop is None:
        return numpy_kernels.conv2d(x, w, window, groups, out=out)
    y, x, w = result(out, shape, x.dtype), np.ascontiguousarray(x), np.ascontiguousarray(w)
    strips = Strips(window, x.shape, y.shape, groups)
    in_parts(len(x), lambda part: _run(loop, strips, x[part], w, y[part]), cost // A_THREADS)
    return delivered(out, y)


def conv2d_backward_w(grad: np.ndarray, x: np.ndarray, window: Any, groups: int = 1) -> np.ndarray:
    """Return dL/dw from grad = dL/dy and x: a sum for each part of the batch, then all together."""
    shape = (grad.shape[1], x.shape[1] // groups, *window.kernel)
    cost = grad.size * prod(shape[1:])
    loop = _loop("backward_w", (grad, x), cost)
    if loop is None:
        return numpy_kernels.conv2d_backward_w(grad, x, window, groups)
    grad, x = np.ascontiguousarray(grad), np.ascontiguousarray(x)
    strips = Strips(window, x.shape, grad.shape, groups)
    n_sums = max(1, min(len(x), _MOST_SUMS, cost // A_THREADS))
    sums = np.empty((n_sums, groups, prod(shape[1:]), shape[0] // groups), x.dtype)
    ends = [len(x) * i // n_sums for i in range(n_sums + 1)]

    def work(part: slice) -> None:
        for i in range(part.start, part.stop):
            _run(loop, strips, x[ends[i] : ends[i + 1]], grad[ends[i] : ends[i + 1]], sums[i])

    in_parts(n_sums, work)
    return sums.sum(axis=0).swapaxes(1, 2).reshape(shape)


@takes_out
def conv2d_backward_x(
    grad: np.ndarray,
    w: np.ndarray,
    window: Any,
    size: tuple[int, int],
    groups: int = 1,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return dL/dx (N, C, *size) from grad = dL/dy, in `out` if given."""
    cost = grad.size * w[:1].size
    loop = _loop("backward_x", (grad, w), cost)
    if loop is None:
        return numpy_kernels.conv2d_backward_x(grad, w, window, size, groups, out=out)
    grad_x = result(out, (len(grad), w.shape[1] * groups, *size), grad.dtype)
    grad, w = np.ascontiguousarray(grad), np.ascontiguousarray(w)
    strips = Strips(window, grad_x.shape, grad.shape, groups)
    in_parts(
        len(grad), lambda part: _run(loop, strips, grad_x[part], w, grad[part]), cost // A_THREADS
    )
    return delivered(out, grad_x)


class Strips:
    """What a loop on images is given beside its three arrays: a workspace, and sizes."""

    def __init__(self, window: Any, image: Images, output: Images, groups: int) -> None:
        (kh, kw), ((top, bottom), (left, right)) = window.kernel, window.padding
        _, channels, height, width = image
        sh, sw = window.stride
        framed = (height + top + bottom, -(-(width + left + right) // sw))
        self._out_height, self._frame = output[2], channels * prod(framed) * sw
        self._row = channels * kh * kw * output[3]
        self._sizes = (
            channels, height, width, *framed, kh, kw, output[1] // groups, *output[2:],
            sh, sw, top, left, *window.dilation, groups,
        )  # fmt: skip

    def arguments(self, dtype: np.dtype, n_images: int) -> list[Any]:
        """Return the further arguments for some images."""
        blas = numpy_blas()
        assert blas is not None  # the callers have looked
        strip = max(1, min(self._out_height, _STRIP // (self._row * dtype.itemsize)))
        # the padding around an image stays zero: it lies in the same places for all
        frame, columns = np.zeros(self._frame, dtype), np.empty(strip * self._row, dtype)
        return [frame, columns, blas.gemm[dtype.name], strip, n_images, *self._sizes]


def _run(loop: Loop, strips: Strips, *arrays: np.ndarray) -> None:
    loop(*arrays, *strips.arguments(arrays[0].dtype, len(arrays[0])))


def _loop(name: str, arrays: tuple[np.ndarray, ...], cost: int) -> Loop | None:
    """Return the compiled loop, or None where NumPy's kernel is the better: small or odd."""
    if cost < LEAST.get(arrays[0].dtype.name, 0) or numpy_blas() is None:
        return None
    return loop_of("loops_conv", name, arrays)


MAKERS = makers(conv2d, conv2d_backward_w, conv2d_backward_x)
