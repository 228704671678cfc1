"""Engines: what replays a graph on a backend."""

from typing import Any, Protocol

import numpy as np

from portanet.backends import Backend
from portanet.compiler.graph import Graph
from portanet.compiler.plan_numpy import NumpyPlan
from portanet.typing import Array


class Engine(Protocol):
    """How plans are made and arrays are kept on one backend."""

    def new(self, array: Array) -> Array:
        """Return memory of the plan's own with an array's numbers."""
        ...

    def copy(self, target: Array, source: Array) -> None:
        """Write an array's numbers into memory of the plan's own."""
        ...

    def clear(self, arrays: dict[str, Array]) -> None:
        """Fill arrays with zeros."""
        ...

    def same_memory(self, a: Array, b: Array) -> bool:
        """Return whether two arrays show the same memory."""
        ...

    def plan(self, graph: Graph, homes: dict[str, Array]) -> Any:
        """Return a plan of a graph."""
        ...


class NumpyEngine:
    """Plans on NumPy."""

    def __init__(self, backend: Backend, fuse: bool, fast: bool | None) -> None:
        self._backend, self.fuse, self.fast = backend, fuse, fast

    def new(self, array: Array) -> Array:
        """Return a copy."""
        return np.array(array)

    def copy(self, target: Array, source: Array) -> None:
        """Copy numbers."""
        np.copyto(target, source)

    def clear(self, arrays: dict[str, Array]) -> None:
        """Fill arrays with zeros."""
        for array in arrays.values():
            array.fill(0)

    def same_memory(self, a: Array, b: Array) -> bool:
        """Return whether the arrays' memory overlaps."""
        return np.may_share_memory(a, b)

    def plan(self, graph: Graph, homes: dict[str, Array]) -> NumpyPlan:
        """Return a plan of a graph."""
        return NumpyPlan(graph, homes, self._backend.xp)


def engine_for(backend: Backend, *, fuse: bool = True, fast: bool | None = None) -> Engine | None:
    """Return the engine of a backend; None where steps are taken as they are written."""
    if backend.name == "numpy":
        return NumpyEngine(backend, fuse, fast)
    return None
