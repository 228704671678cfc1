"""NumpyEngine: plans on NumPy, which numba compiles once that pays."""

from time import perf_counter
from typing import Any

import numpy as np

from portanet.backends import Backend
from portanet.backends._numba import compiling
from portanet.compiler.engines.base import Engine
from portanet.compiler.engines.numpy.plan import NumpyPlan
from portanet.compiler.graph.graph import Graph
from portanet.errors import ArgumentError

# Starting numba takes 0.45 s if compiled code is on disk, and some seconds for new code. A training
# that ends earlier does not wait for it.
_PAYS_AFTER = 1.0


class NumpyEngine(Engine):
    """Plans on NumPy.

    fast=True compiles by numba at once, False never; None: where numba is installed, a plan that
    has been in use for a second is replaced by a compiled one. mkl=False keeps Intel's MKL out.
    """

    reads = True

    def __init__(self, backend: Backend, fuse: bool, fast: bool | None, mkl: bool | None) -> None:
        self._xp, self._fuse, self._fast, self._mkl = backend.xp, fuse, fast, mkl
        if fast and fuse and not compiling.available():
            raise ArgumentError(
                "compile_step: fast=True needs numba 0.62 or newer, which is not installed or does "
                "not compile here; run: pip install -e '.[fast]'"
            )

    def new(self, array: np.ndarray) -> np.ndarray:
        """Return a copy."""
        return np.array(array)

    def copy(self, target: np.ndarray, source: np.ndarray) -> None:
        """Copy an array into another."""
        np.copyto(target, source)

    def same_memory(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Return whether the arrays' memory overlaps."""
        return np.may_share_memory(a, b)

    def plan(self, graph: Graph, homes: dict[str, np.ndarray]) -> NumpyPlan:
        """Return a plan of a graph."""
        if self._fast and self._fuse:
            return self._compiled(graph, homes)
        return NumpyPlan(graph, homes, self._xp)

    def faster(self, plan: Any) -> NumpyPlan | None:
        """Return a compiled plan once the plan has been in use for long enough."""
        if not self._fuse or self._fast is not None or plan.compiled:
            return None
        if perf_counter() - plan.made_at < _PAYS_AFTER or not compiling.available():
            return None
        return self._compiled(plan.graph, plan.homes)

    def _compiled(self, graph: Graph, homes: dict[str, np.ndarray]) -> NumpyPlan:
        from portanet.compiler.engines.numba.plan import (
            NumbaPlan,  # a slow import that is rarely needed
        )

        return NumbaPlan(graph, homes, self._xp, self._mkl)
