"""CupyEngine: plans on one CUDA device."""

from portanet.backends import Backend
from portanet.backends._cupy.device import CurrentDevice
from portanet.compiler.engines.base import Engine
from portanet.compiler.engines.cuda.plan import CupyPlan
from portanet.compiler.graph.graph import Graph
from portanet.typing import Array


class CupyEngine(Engine):
    """Plans on CuPy. Without `fuse` a replay calls CuPy's own functions one by one."""

    replaces = False

    def __init__(self, backend: Backend, fuse: bool) -> None:
        self._backend, self.fuse, self._device = backend, fuse, CurrentDevice()

    def new(self, array: Array) -> Array:
        """Return a contiguous copy."""
        self._device.check()
        return array.copy()

    def copy(self, target: Array, source: Array) -> None:
        """Copy an array into another."""
        self._device.check()
        target[...] = source

    def same_memory(self, a: Array, b: Array) -> bool:
        """Return whether the arrays' memory overlaps."""
        return self._backend.xp.may_share_memory(a, b)

    def plan(self, graph: Graph, homes: dict[str, Array], step: int = 0) -> CupyPlan:  # noqa: ARG002
        """Return a plan of a graph."""
        return CupyPlan(graph, homes, self._backend.xp, fuse=self.fuse)

    def faster_from(self, graph: Graph) -> int | None:  # noqa: ARG002
        """Return 0 with `fuse`: sums in fused kernels round otherwise than the readable step."""
        return 0 if self.fuse else None
