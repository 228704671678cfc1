"""Convolution and pooling as kernels of a plan, where the work is too small for threads.

The arrays of larger work are cut into parts for threads by `backends/_llvm/kernels_*.py`, which a
plan calls as it calls NumPy.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from portanet.backends._llvm import kernels_conv, kernels_pool
from portanet.backends._llvm.conv_loops import (
    ConvLoop,
    backward_w_loop,
    backward_x_loop,
    forward_loop,
)
from portanet.backends._llvm.files import table_of, text_of
from portanet.backends._numpy.blas import numpy_blas
from portanet.compiler.engines.llvm.copies import copy_kernel
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.graph.graph import Node, Value

Find = Callable[[Value], np.ndarray]


def window_kernels(node: Node, find: Find) -> list[Kernel] | None:
    """Return the kernels of a convolution or a pooling, None for anything else."""
    write = _WRITERS.get(node.op)
    if write is None or numpy_blas() is None:
        return None
    args = [find(arg) if isinstance(arg, Value) else arg for arg in node.args]
    arrays = [find(node.output), *(arg for arg in args if isinstance(arg, np.ndarray))]
    dtypes = {array.dtype.name for array in arrays}
    if dtypes not in ({"float32"}, {"float64"}) or any(not a.flags.c_contiguous for a in arrays):
        return None
    return None if any(a.size == 0 for a in arrays) else write(arrays[0], *args, **node.options)


def _conv2d(
    y: np.ndarray, x: np.ndarray, w: np.ndarray, window: Any, groups: int = 1
) -> list[Kernel] | None:
    work = forward_loop(window, x.shape, y.shape, groups, x.dtype)
    return _conv(work, (x, w, y), y.size * w[:1].size)


def _conv2d_backward_x(
    grad_x: np.ndarray, grad: np.ndarray, w: np.ndarray, window: Any, size: Any, groups: int = 1
) -> list[Kernel] | None:  # fmt: skip
    assert grad_x.shape[2:] == tuple(size)
    work = backward_x_loop(window, grad_x.shape, grad.shape, groups, grad.dtype)
    return _conv(work, (grad, w, grad_x), grad.size * w[:1].size)


def _conv2d_backward_w(
    grad_w: np.ndarray, grad: np.ndarray, x: np.ndarray, window: Any, groups: int = 1
) -> list[Kernel] | None:
    work = backward_w_loop(window, x.shape, grad.shape, groups, x.dtype)
    n_out, n_products = len(grad_w) // groups, prod(grad_w.shape[1:])
    sums = np.empty(work.sums, x.dtype)
    found = _conv(work, (x, grad, sums), grad.size * n_products)
    if found is None:
        return None
    there = grad_w.reshape(groups, n_out, n_products).swapaxes(1, 2)
    return [*found, copy_kernel((there, sums[:, :n_products, :n_out]))]


def _conv(work: ConvLoop, arrays: tuple[np.ndarray, ...], cost: int) -> list[Kernel] | None:
    if cost >= 2 * kernels_conv.A_THREADS:
        return None
    given = [*arrays, *work.arguments(len(arrays[0]))]
    return [_kernel(work.file, work.name, given, **work.constants)]


def _max_pool2d(y: np.ndarray, x: np.ndarray, window: Any) -> list[Kernel] | None:
    return _pool("forward", window, x, y)


def _max_pool2d_backward(
    grad_x: np.ndarray, grad: np.ndarray, x: np.ndarray, y: np.ndarray, window: Any
) -> list[Kernel] | None:
    left = any(n % size for n, size in zip(x.shape[2:], window.kernel, strict=True))
    return None if left else _pool("backward", window, x, y, grad, grad_x)


def _pool(name: str, window: Any, *arrays: np.ndarray) -> list[Kernel] | None:
    x, y = arrays[:2]
    if x.size >= 2 * kernels_pool.A_THREADS or not kernels_pool.lies_side_by_side(window):
        return None
    given = [*arrays, prod(x.shape[:2]), *x.shape[2:], *y.shape[2:]]
    return [_kernel("loops_pool", name, given, **kernels_pool.constants_of(window, y.shape[-1]))]


def _kernel(file: str, name: str, given: list[Any], **constants: Any) -> Kernel:
    text = text_of(file, given[0].dtype.name, **constants)
    return Kernel(text, table_of(given), name, given)


_WRITERS = {
    "kernel:conv2d": _conv2d,
    "kernel:conv2d_backward_x": _conv2d_backward_x,
    "kernel:conv2d_backward_w": _conv2d_backward_w,
    "kernel:max_pool2d": _max_pool2d,
    "kernel:max_pool2d_backward": _max_pool2d_backward,
}
