"""JaxEngine: plans on JAX, one jitted function of the whole step."""

from portanet.backends import Backend
from portanet.compiler.engines.base import Engine
from portanet.compiler.engines.jax.plan import JaxPlan
from portanet.compiler.graph.graph import Graph
from portanet.typing import Array


class JaxEngine(Engine):
    """Plans on JAX. XLA does its own fusion."""

    replaces = True

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def new(self, array: Array) -> Array:
        """Return the array itself: arrays are immutable."""
        return array

    def copy(self, target: Array, source: Array) -> None:  # noqa: ARG002
        """Raise TypeError: arrays are immutable."""
        raise TypeError("arrays of JAX are immutable; states are replaced")

    def same_memory(self, a: Array, b: Array) -> bool:  # noqa: ARG002
        """Return False: there are no views of immutable arrays."""
        return False

    def plan(self, graph: Graph, homes: dict[str, Array], step: int = 0) -> JaxPlan:  # noqa: ARG002
        """Return a plan of a graph."""
        return JaxPlan(graph, homes, self._backend)

    def faster_from(self, graph: Graph) -> int | None:  # noqa: ARG002
        """Return 0: XLA's fused step rounds otherwise than the readable one, from the first on."""
        return 0
