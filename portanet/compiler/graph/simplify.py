"""Simplifications of a graph: nothing is computed twice, and nothing that nobody wants."""

from typing import Any

from portanet.compiler.graph.graph import Graph, Node, Value, replaced


def without_repetition(graph: Graph) -> None:
    """Let every operation that an earlier one has done already give the earlier one's values.

    A loss and its gradient are two functions that begin alike: the same maxima, exponentials, sums.
    """
    known: dict[Any, Node] = {}
    same: dict[int, Value] = {}
    kept = []

    def earlier(value: Value) -> Value:
        return same.get(id(value), value)

    for node in graph.nodes:
        if same and any(id(value) in same for value in node.inputs):
            node.args, node.options = replaced((node.args, node.options), earlier, (Value,))
        twin = known.setdefault(_key(node), node)
        if twin is node:
            kept.append(node)
        else:
            same |= {id(v): w for v, w in zip(node.outputs, twin.outputs, strict=True)}
    graph.nodes = kept
    for node in kept:
        for value in node.outputs:
            value.base = None if value.base is None else earlier(value.base)
    for table in (graph.updates, graph.results):
        table |= {name: earlier(value) for name, value in table.items()}


def without_dead(graph: Graph) -> None:
    """Leave out the operations whose results nobody wants."""
    alive = {id(v) for v in graph.wanted()}
    kept = []
    for node in reversed(graph.nodes):
        if any(id(v) in alive for v in node.outputs):
            kept.append(node)
            alive.update(map(id, node.inputs))
    graph.nodes = kept[::-1]


def _key(node: Node) -> Any:
    """Return what two operations have in common when they give the same; itself if unsure."""
    key = (node.op, id(node.function), _frozen(node.args))
    if not node.options:
        return key
    return (*key, *[(name, _frozen(node.options[name])) for name in sorted(node.options)])


def _frozen(item: Any) -> Any:
    """Return what two arguments have in common when they are the same; of a value its id."""
    if isinstance(item, Value):
        return id(item)
    if isinstance(item, (list, tuple)):
        # most are values: without a call they take half as long
        return tuple([id(part) if type(part) is Value else _frozen(part) for part in item])
    return (type(item), id(item) if callable(item) else repr(item))
