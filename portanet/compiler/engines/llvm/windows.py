"""Convolution and pooling as kernels of a plan, where the work is too small for threads.

The arrays of larger work are cut into parts for threads by `backends/_llvm/kernels_*.py`, which a
plan calls as it calls NumPy.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from portanet.backends._llvm import kernels_conv, kernels_pool
from portanet.backends._llvm.files import table_of, text_of
from portanet.backends._llvm.kernels_conv import Strips
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
    strips = Strips(window, x.shape, y.shape, groups)
    return _strips("forward", strips, (x, w, y), y.size * w[:1].size)


def _conv2d_backward_x(
    grad_x: np.ndarray, grad: np.ndarray, w: np.ndarray, window: Any, size: Any, groups: int = 1
) -> list[Kernel] | None:  # fmt: skip
    assert grad_x.shape[2:] == tuple(size)
    strips = Strips(window, grad_x.shape, grad.shape, groups)
    return _strips("backward_x", strips, (grad_x, w, grad), grad.size * w[:1].size)


def _conv2d_backward_w(
    grad_w: np.ndarray, grad: np.ndarray, x: np.ndarray, window: Any, groups: int = 1
) -> list[Kernel] | None:
    strips = Strips(window, x.shape, grad.shape, groups)
    shape = (groups, prod(grad_w.shape[1:]), len(grad_w) // groups)
    turned = np.empty(shape, x.dtype)
    found = _strips("backward_w", strips, (x, grad, turned), grad.size * prod(grad_w.shape[1:]))
    if found is None:
        return None
    there = grad_w.reshape(groups, shape[2], shape[1]).swapaxes(1, 2)
    return [*found, copy_kernel((there, turned))]


def _strips(
    name: str, strips: Strips, arrays: tuple[np.ndarray, ...], cost: int
) -> list[Kernel] | None:
    if cost >= 2 * kernels_conv.A_THREADS:
        return None
    given = [*arrays, *strips.arguments(arrays[0].dtype, len(arrays[0]))]
    return [_kernel("loops_conv", name, given)]


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
