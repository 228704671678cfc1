"""CupyEngine: plans on one CUDA device."""

from portanet.backends import Backend
from portanet.compiler.engines.base import Engine
from portanet.compiler.engines.cuda.plan import CupyPlan
from portanet.compiler.graph.graph import Graph
from portanet.typing import Array


class CupyEngine(Engine):
    """Plans on CuPy. Without `fuse` the library's own functions are replayed one by one."""

    replaces = False

    def __init__(self, backend: Backend, fuse: bool) -> None:
        self._backend, self.fuse = backend, fuse

    def new(self, array: Array) -> Array:
        """Return a copy, end to end in memory."""
        return array.copy()

    def copy(self, target: Array, source: Array) -> None:
        """Copy numbers."""
        target[...] = source

    def same_memory(self, a: Array, b: Array) -> bool:
        """Return whether the arrays' memory overlaps."""
        return self._backend.xp.may_share_memory(a, b)

    def plan(self, graph: Graph, homes: dict[str, Array]) -> CupyPlan:
        """Return a plan of a graph."""
        return CupyPlan(graph, homes, self._backend.xp, fuse=self.fuse)
