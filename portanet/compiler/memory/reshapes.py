"""Reshapes without a copy: a result is laid out as the only operation that reads it will.

Attention ends with heads (N, h, L, d) whose axes are exchanged and merged. In memory:

    heads = A @ v                                (N, h, L, d)   written in the order N, L, h, d
    turned = permute_dims(heads, (0, 2, 1, 3))   (N, L, h, d)   a view, now contiguous
    y = reshape(turned, (N, L, h * d))           a view, too: nothing is copied
"""

from collections import Counter
from collections.abc import Callable

from portanet.compiler.graph.graph import Graph, Node, Value


def make_reshapes_views(graph: Graph, is_free: Callable[[Node], bool]) -> None:
    """Make reshapes views by the strides of what they reshape, where these are free to choose.

    `is_free` tells whether an operation can write its result in any order of axes that ends with
    the last one. The strides of the graph are those of its plan's memory (see `settle_strides`).
    """
    readers = Counter(id(v) for node in graph.nodes for v in node.inputs)
    wanted = {id(v) for v in graph.wanted()}
    for node in graph.nodes:
        turned = node.args[0] if node.op == "reshape" and not node.is_view else None
        if not isinstance(turned, Value) or not _is_turned(turned, is_free):
            continue
        source = turned.base
        assert source is not None  # as it is turned
        values = {id(source), id(turned), id(node.output)}
        if readers[id(source)] == readers[id(turned)] == 1 and not values & wanted:
            _turn(source, turned)
            node.output.base, node.output.strides = turned, contiguous_strides(node.output)


def contiguous_strides(value: Value) -> tuple[int, ...]:
    """Return the strides of C-contiguous memory in bytes; axes shorter than 2 have 0.

    >>> import numpy as np
    >>> contiguous_strides(Value("input", (2, 1, 3), np.dtype("float32"), (0, 0, 0)))
    (12, 0, 4)
    """
    found, step = [], value.dtype.itemsize
    for length in reversed(value.shape):
        found.append(step if length > 1 else 0)
        step *= length
    return tuple(reversed(found))


def _is_turned(value: Value, is_free: Callable[[Node], bool]) -> bool:
    """Return whether a value is a view of a result with its axes, but for the last, exchanged."""
    node, source = value.node, value.base
    if node is None or source is None or node.op != "permute_dims" or len(node.args) != 2:
        return False
    if node.args[0] is not source or source.base is not None or source.node is None:
        return False
    axes, last = node.args[1], len(source.shape) - 1
    return sorted(axes) == list(range(last + 1)) and axes[-1] == last and is_free(source.node)


def _turn(source: Value, turned: Value) -> None:
    """Set the strides of both so that the view is contiguous."""
    assert turned.node is not None  # a view is made by an operation
    axes, turned.strides = turned.node.args[1], contiguous_strides(turned)
    source.strides = tuple(turned.strides[axes.index(i)] for i in range(len(axes)))
