"""Strides of a plan's values: contiguous, in the order of axes that was traced.

The arrays of a trace are the user's: a batch may be some columns of a table, a parameter a slice.
The plan's own memory for them has no gaps, so its strides differ:

    traced   x = table[:, :3]   shape (2, 3), strides (20, 4)   a b c . . d e f . .
    planned  x                  shape (2, 3), strides (12, 4)   a b c d e f
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from portanet.compiler.graph.graph import Graph, Node, Value, replaced
from portanet.typing import Array

Strides = tuple[int, ...]


def axis_order(strides: Strides) -> list[int]:
    """Return the axes from the largest stride to the smallest."""
    return sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))


def compact_strides(value: Value) -> Strides:
    """Return a value's strides in bytes if its memory has no gaps; axes shorter than 2 have 0.

    >>> import numpy as np
    >>> compact_strides(Value("input", (2, 3), np.dtype("float32"), (20, 4)))
    (12, 4)
    """
    found, step = [0] * len(value.shape), value.dtype.itemsize
    for axis in reversed(axis_order(value.strides)):
        if value.shape[axis] > 1:
            found[axis] = step
        step *= value.shape[axis]
    return tuple(found)


def strides_of(array: Array) -> Strides:
    """Return an array's strides in bytes; axes shorter than 2 have 0."""
    return tuple(s if n > 1 else 0 for n, s in zip(array.shape, array.strides, strict=True))


def laid_out(memory: Array, value: Value) -> Array:
    """Return a vector of a value's elements as an array of its shape and order of axes."""
    order = axis_order(value.strides)
    back = sorted(range(len(order)), key=order.__getitem__)
    return memory.reshape([value.shape[axis] for axis in order]).transpose(back)


def settle_strides(graph: Graph, homes: Mapping[str, Array], empty: Callable[..., Array]) -> None:
    """Set the strides of a graph's values to those in the memory of its plan.

    States get the strides of their homes, constants keep theirs, all others are contiguous. Views
    of values whose strides have changed are applied to samples, made by `empty(shape, dtype=…)`.
    """
    moved: dict[int, Array] = {}
    for name, state in graph.states.items():
        if state.base is None and state.strides != strides_of(homes[name]):
            state.strides = strides_of(homes[name])
            moved[id(state)] = homes[name]
    for value in _own_memory(graph):
        strides = compact_strides(value)
        if strides != value.strides:
            value.strides = strides
            moved[id(value)] = _sample(value, empty)
    for node in graph.nodes if moved else ():
        if node.is_view and any(id(value) in moved for value in node.inputs):
            _move_view(node, moved, empty)


def _own_memory(graph: Graph) -> Iterator[Value]:
    """Yield the values that a plan allocates."""
    yield from graph.inputs.values()
    yield from (value for value, _ in graph.hosts)
    for node in graph.nodes:
        yield from (value for value in node.outputs if value.base is None)


def _move_view(node: Node, moved: dict[int, Array], empty: Callable[..., Array]) -> None:
    def found(value: Value) -> Array:
        return moved[id(value)] if id(value) in moved else _sample(value, empty)

    for value, array in zip(node.outputs, viewed(node, found), strict=True):
        value.strides = strides_of(array)
        moved[id(value)] = array


def _sample(value: Value, empty: Callable[..., Array]) -> Array:
    """Return an array with the strides of a value; its elements are not read."""
    if value.kind == "constant":
        return value.array
    if value.base is not None and value.node is not None:
        own = viewed(value.node, lambda v: _sample(v, empty))
        return own[value.node.outputs.index(value)]
    return laid_out(empty((value.size,), dtype=value.dtype), value)


def viewed(node: Node, find: Callable[[Value], Array]) -> list[Array]:
    """Return the outputs of a view operation, applied to the arrays of its arguments."""
    args, options = replaced((node.args, node.options), find, (Value,))
    result: Any = node.function(*args, **options)
    return list(result) if isinstance(result, list | tuple) else [result]
