"""Convolution on NumPy arrays by compiled loops, where llvmlite is installed (extra `fast`).

One call does a batch, with nothing of Python between two images: conv_loops.py says by which loop.
Small work goes to NumPy's kernels, so that it never waits for LLVM to be imported. Measured:
benchmarks/convolution.py.
"""

from math import prod
from typing import Any

import numpy as np

from portanet.backends._llvm.conv_loops import (
    ConvLoop,
    backward_w_loop,
    backward_x_loop,
    forward_loop,
)
from portanet.backends._llvm.files import Loop, can_compile, loop_of, makers
from portanet.backends._numpy import kernels_conv as numpy_kernels
from portanet.backends._numpy.blas import numpy_blas
from portanet.backends._numpy.results import delivered, result, takes_out
from portanet.backends._numpy.threads import in_parts

# multiplications: fewer take less than a millisecond anyway, and compiling a tenth of a second
LEAST = {"float32": 2**22, "float64": 2**26}
A_THREADS = 2**24  # multiplications that are worth a thread of their own
_MOST_SUMS = 8  # of parts of a batch: their number must not depend on that of threads


@takes_out
def conv2d(
    x: np.ndarray, w: np.ndarray, window: Any, groups: int = 1, out: np.ndarray | None = None
) -> np.ndarray:
    """Return y of x (N, C, H, W) and w (O, C/groups, kh, kw), in `out` if given."""
    shape = (len(x), len(w), *window.output_size(x.shape[2:]))
    cost = prod(shape) * w[:1].size
    if not _is_worth_it((x, w), cost):
        return numpy_kernels.conv2d(x, w, window, groups, out=out)
    y, x, w = result(out, shape, x.dtype), np.ascontiguousarray(x), np.ascontiguousarray(w)
    work = forward_loop(window, x.shape, y.shape, groups, x.dtype)
    loop = _loop(work, x)
    in_parts(len(x), lambda part: _run(loop, work, x[part], w, y[part]), cost // A_THREADS)
    return delivered(out, y)


def conv2d_backward_w(grad: np.ndarray, x: np.ndarray, window: Any, groups: int = 1) -> np.ndarray:
    """Return dL/dw from grad = dL/dy and x: a sum for each part of the batch, then all together."""
    shape = (grad.shape[1], x.shape[1] // groups, *window.kernel)
    cost = grad.size * prod(shape[1:])
    if not _is_worth_it((grad, x), cost):
        return numpy_kernels.conv2d_backward_w(grad, x, window, groups)
    grad, x = np.ascontiguousarray(grad), np.ascontiguousarray(x)
    work = backward_w_loop(window, x.shape, grad.shape, groups, x.dtype)
    loop = _loop(work, x)
    n_sums = max(1, min(len(x), _MOST_SUMS, cost // A_THREADS))
    sums = np.empty((n_sums, *work.sums), x.dtype)
    ends = [len(x) * i // n_sums for i in range(n_sums + 1)]

    def add_up(part: slice) -> None:
        for i in range(part.start, part.stop):
            images = slice(ends[i], ends[i + 1])
            _run(loop, work, x[images], grad[images], sums[i])

    in_parts(n_sums, add_up)
    return weights_of(sums.sum(axis=0), shape)


def weights_of(sums: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return dL/dw (O, C/groups, kh, kw) out of sums (groups, K, O/groups), both rounded up."""
    n_out = shape[0] // len(sums)
    return sums[:, : prod(shape[1:]), :n_out].swapaxes(1, 2).reshape(shape)


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
    if not _is_worth_it((grad, w), cost):
        return numpy_kernels.conv2d_backward_x(grad, w, window, size, groups, out=out)
    grad_x = result(out, (len(grad), w.shape[1] * groups, *size), grad.dtype)
    grad, w = np.ascontiguousarray(grad), np.ascontiguousarray(w)
    work = backward_x_loop(window, grad_x.shape, grad.shape, groups, grad.dtype)
    loop = _loop(work, grad)
    in_parts(
        len(grad), lambda part: _run(loop, work, grad[part], w, grad_x[part]), cost // A_THREADS
    )
    return delivered(out, grad_x)


def _is_worth_it(arrays: tuple[np.ndarray, ...], cost: int) -> bool:
    """Return whether a compiled loop is the better: not for small work, nor for odd arrays."""
    if cost < LEAST.get(arrays[0].dtype.name, 0) or numpy_blas() is None:
        return False
    return can_compile(arrays)


def _loop(work: ConvLoop, *arrays: np.ndarray) -> Loop:
    loop = loop_of(work.file, work.name, arrays, **work.constants)
    assert loop is not None  # the callers have asked
    return loop


def _run(loop: Loop, work: ConvLoop, *arrays: np.ndarray) -> None:
    loop(*arrays, *work.arguments(len(arrays[0])))


MAKERS = makers(conv2d, conv2d_backward_w, conv2d_backward_x)
