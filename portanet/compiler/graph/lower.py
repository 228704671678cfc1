"""Lowering: composite operations are rewritten as those that engines implement."""

from math import prod
from typing import Any

from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.graph.operations import REDUCTIONS
from portanet.half import is_half

_METHODS = {"sum", "mean", "max", "min", "prod", "any", "all", "astype", "reshape"}


def lower(graph: Graph, xp: Any) -> None:
    """Rewrite a graph's operations, in place.

    Methods become functions, means sums and divisions, full_like constants. A state whose new value
    is another state (two buffers that are swapped) gets a copy, made before any state is written.
    """
    nodes = []
    for node in map(_plain, graph.nodes):
        nodes += _mean(node, xp) if _is_mean(node) else [node]
    wanted = {id(value) for value in graph.wanted()}
    graph.nodes = [n for n in nodes if id(n.outputs[0]) in wanted or not _is_filled(n, xp)]
    _copy_states_first(graph, xp)


def _plain(node: Node) -> Node:
    """Rewrite x.sum(axis=0) and sum(x, 0) as sum(x, axis=0)."""
    name = node.op.removeprefix("method:")
    if node.op != name and name in _METHODS:
        node.op = name
    if node.op in REDUCTIONS and len(node.args) == 2 and isinstance(node.args[1], int | tuple):
        node.args, node.options = node.args[:1], {"axis": node.args[1], **node.options}
    return node


def _is_mean(node: Node) -> bool:
    if node.op != "mean" or node.is_view or is_half(node.output):  # whose sum would overflow
        return False
    return set(node.options) <= {"axis", "keepdims"} and len(node.args) == 1


def _mean(node: Node, xp: Any) -> list[Node]:
    """Return mean(x) as sum(x) / n, as NumPy computes it."""
    x, out = node.args[0], node.output
    total = Value("node", out.shape, out.dtype, out.strides)
    add = Node("sum", xp.sum, (x,), dict(node.options), [total], node.place)
    total.node = add
    n = prod(x.shape) // max(prod(out.shape), 1)
    divide = Node("divide", xp.divide, (total, float(n)), {}, [out], node.place)
    out.node = divide
    return [add, divide] if n else [node]


def _is_filled(node: Node, xp: Any) -> bool:
    """Return whether an operation is full_like of a number; its output becomes a constant."""
    if node.op != "full_like" or len(node.args) != 2 or set(node.options) - {"dtype"}:
        return False
    number, out = node.args[1], node.output
    if not isinstance(number, int | float):
        return False
    out.kind, out.node, out.strides = "constant", None, (0,) * len(out.shape)
    out.array = xp.broadcast_to(xp.full((), number, dtype=out.dtype), out.shape)
    return True


def _copy_states_first(graph: Graph, xp: Any) -> None:
    for name, value in graph.updates.items():
        if value.root.kind == "state" and value is not graph.states[name]:
            own = Value("node", value.shape, value.dtype, graph.states[name].strides)
            own.node = Node("astype", xp.astype, (value, value.dtype), {}, [own])
            graph.nodes.append(own.node)
            graph.updates[name] = own
