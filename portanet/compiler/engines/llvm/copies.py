"""Copies between arrays as kernels: what concat, stack and reshape do to arrays that lie apart."""

from collections.abc import Callable, Iterator

import numpy as np

from portanet.backends._llvm.machine import address_of
from portanet.compiler.engines.llvm.arguments import MEMORY, Arguments
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.engines.llvm.lines import Loop, kernel_text, loops
from portanet.compiler.graph.graph import Node, Value

Copy = tuple[np.ndarray, np.ndarray]  # target, source


def copies_of(node: Node, find: Callable[[Value], np.ndarray], done: set[int]) -> list[Copy] | None:
    """Return the copies that an operation is made of; None if it is something else.

    `find(value)` returns a value's array; `done` are the pieces that are in their place already.
    """
    if node.op not in ("reshape", "concat", "stack") or node.output.size == 0:
        return None
    if any(v.dtype not in MEMORY or v.dtype != node.output.dtype for v in node.inputs):
        return None
    out = find(node.output)
    if node.op == "reshape":
        source = find(node.inputs[0])
        return [(out.reshape(source.shape), source)] if out.flags.c_contiguous else None
    if not isinstance(node.args[0], list | tuple) or node.inputs != list(node.args[0]):
        return None
    pieces = [find(piece) for piece in node.args[0]]
    if node.options.get("axis", 0) is None:  # all are flat
        return None
    copies = enumerate(zip(_places(node, out, pieces), pieces, strict=True))
    return [copy for i, copy in copies if i not in done and copy[1].size]


def _places(node: Node, out: np.ndarray, pieces: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield where each piece goes."""
    axis = node.options.get("axis", 0)
    front, start = (slice(None),) * (axis % out.ndim), 0
    for piece in pieces:
        if node.op == "stack":
            yield out[(*front, start)]
            start += 1
        else:
            stop = start + piece.shape[axis]
            yield out[(*front, slice(start, stop))]
            start = stop


def copy_kernel(copy: Copy) -> Kernel:
    """Return the kernel of a copy between arrays of one shape and dtype."""
    arguments = Arguments(lambda value: 0, lambda scalar, dtype: 0)  # noqa: ARG005
    axes = _merged(copy)
    names = [f"k{i}" for i in range(len(axes))]
    elements = []
    for i, array in enumerate(copy):
        memory = arguments.memory(i, address_of(array), array.dtype)
        index = arguments.along(names, [strides[i] // array.itemsize for _, *strides in axes])
        elements.append(f"{memory}[{' + '.join(index) or 0}]")
    nest = [
        Loop(name, arguments.length(name, n)) for name, (n, *_) in zip(names, axes, strict=True)
    ]
    lines = loops(nest, [" = ".join(elements)])
    return Kernel(kernel_text(arguments, lines), arguments.table)


def _merged(copy: Copy) -> list[list[int]]:
    """Return the axes as lengths with both arrays' strides, those that are one in both merged."""
    merged: list[list[int]] = []
    for axis in zip(copy[0].shape, copy[0].strides, copy[1].strides, strict=True):
        n, *strides = axis
        if n == 1:
            continue
        if merged and merged[-1][1:] == [s * n for s in strides]:
            merged[-1] = [merged[-1][0] * n, *strides]
        else:
            merged.append([n, *strides])
    return merged
