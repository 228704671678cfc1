"""Reordering of operations that shortens the lifetimes of large arrays."""

from portanet.compiler.graph.graph import Graph, Node
from portanet.compiler.graph.operations import ELEMENTWISE


def free_soon(graph: Graph) -> None:
    """Move element-wise operations with small outputs and large inputs that die to the front.

    The backward pass of ReLU computes x > 0. Computed in the forward pass, the booleans take a
    quarter of x's memory, and x is not kept. Results do not change.
    """
    made = {id(v): i for i, node in enumerate(graph.nodes) for v in node.outputs}
    last = {id(v.root): i for i, node in enumerate(graph.nodes) for v in node.inputs}
    kept = {id(v.root) for v in graph.wanted()}
    places: list[tuple[float, int]] = []
    for i, node in enumerate(graph.nodes):
        place = float(i)
        if node.op in ELEMENTWISE and not node.is_view:
            roots = {id(v.root): v.root for v in node.inputs}
            dying = [r for key, r in roots.items() if last[key] == i and r.kind == "node"]
            frees = sum(root.n_bytes for root in dying if id(root) not in kept)
            if node.output.n_bytes < frees and _of_step(node):
                place = max(made[id(v)] for v in node.inputs if id(v) in made) + 0.5
        places.append((place, i))
    graph.nodes = [graph.nodes[i] for _, i in sorted(places)]


def _of_step(node: Node) -> bool:
    """Return whether an operation reads no states, which the step may overwrite in between."""
    return all(v.root.kind in ("node", "constant", "input") for v in node.inputs)
