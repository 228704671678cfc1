"""What an engine is: how plans are made, and arrays kept, on one backend."""

from typing import Any

from portanet.compiler.graph.graph import Graph
from portanet.typing import Array


class Engine:
    """Makes plans of graphs for one backend.

    `replaces`: arrays are immutable, so a step puts new ones where the states were.
    `reads`: states may be arrays of others, which a plan reads where they lie.
    """

    replaces = False
    reads = False

    def new(self, array: Array) -> Array:
        """Return memory of the plan's own with an array's numbers."""
        raise NotImplementedError

    def copy(self, target: Array, source: Array) -> None:
        """Write an array's numbers into memory of the plan's own; not called if it replaces."""
        raise NotImplementedError

    def same_memory(self, a: Array, b: Array) -> bool:
        """Return whether two arrays show the same memory."""
        raise NotImplementedError

    def plan(self, graph: Graph, homes: dict[str, Array]) -> Any:
        """Return a plan of a graph."""
        raise NotImplementedError

    def faster(self, plan: Any) -> Any:  # noqa: ARG002 - what one can be made faster
        """Return a faster plan of the same graph, if there is one and it has begun to pay."""
        return None
