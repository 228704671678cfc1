"""Reordering of operations that shortens the lifetimes of large arrays."""

from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.graph.operations import ELEMENTWISE


def free_soon(graph: Graph) -> None:
    """Move element-wise operations with small outputs and large inputs that die to the front.

    The backward pass of ReLU computes x > 0. Computed in the forward pass, the booleans take a
    quarter of x's memory, and x is not kept. Results do not change.
    """
    made = {id(v): i for i, node in enumerate(graph.nodes) for v in node.outputs}
    frees, places = _freed(graph), list(map(float, range(len(graph.nodes))))
    for i, n_bytes in frees.items():
        node = graph.nodes[i]
        if node.op not in ELEMENTWISE or node.is_view or node.output.n_bytes >= n_bytes:
            continue
        if _of_step(node):
            places[i] = max(made[id(v)] for v in node.inputs if id(v) in made) + 0.5
    order = sorted(range(len(places)), key=places.__getitem__)
    graph.nodes = [graph.nodes[i] for i in order]


def _freed(graph: Graph) -> dict[int, int]:
    """Return by an operation's index the bytes of the operations' outputs that it reads last."""
    last: dict[int, tuple[int, Value]] = {}
    for i, node in enumerate(graph.nodes):
        for value in node.inputs:
            root = value.root
            last[id(root)] = i, root
    kept, frees = {id(v.root) for v in graph.wanted()}, {}
    for i, root in last.values():
        if root.kind == "node" and id(root) not in kept:
            frees[i] = frees.get(i, 0) + root.n_bytes
    return frees


def _of_step(node: Node) -> bool:
    """Return whether an operation reads no states, which the step may overwrite in between."""
    return all(v.root.kind in ("node", "constant", "input") for v in node.inputs)
