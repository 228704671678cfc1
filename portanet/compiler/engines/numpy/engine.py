"""NumpyEngine: plans on NumPy, or compiled by LLVM once that pays."""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from portanet.backends import Backend
from portanet.backends._installing import WHERE, install
from portanet.backends._llvm import machine
from portanet.backends._numpy import blas
from portanet.backends._numpy.threads import blas_alone
from portanet.compiler.engines.base import Engine, Made
from portanet.compiler.engines.numpy.pays import Savings, steps_until_it_pays
from portanet.compiler.engines.numpy.plan import NumpyPlan
from portanet.compiler.graph.graph import Graph
from portanet.compiler.options import SAME_BITS, Fast
from portanet.errors import ArgumentError
from portanet.joined import agreed, present_share


class NumpyEngine(Engine):
    """Plans on NumPy.

    fast=True compiles by LLVM at once, False never; None: where llvmlite is installed, from the
    step on at which that has paid. "same bits" compiles what gives NumPy's bits, once that has paid
    for all steps of the process; no bit depends on when. mkl=True gives large products to Intel's
    MKL.
    """

    reads = True

    def __init__(self, backend: Backend, fuse: bool, fast: Fast, mkl: bool = False) -> None:
        self._xp, self._fuse, self._fast, self._mkl = backend.xp, fuse, fast, mkl
        self._same_bits = fast == SAME_BITS
        self._agreed: float | None = None
        if fast is True and fuse and not machine.available():
            raise ArgumentError(
                "compile_step: fast=True needs llvmlite 0.45 or newer, which is not installed or "
                f"does not compile here; {WHERE} run: {install('fast')}"
            )
        if mkl and blas.mkl() is None:
            raise ArgumentError(
                "compile_step: mkl=True needs Intel's MKL, which is not installed or does not "
                f"multiply here; {WHERE} run: {install('mkl')}"
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

    def plan(self, graph: Graph, homes: dict[str, np.ndarray], step: int = 0) -> NumpyPlan:
        """Return the plan of a graph that is in use at a step of training."""
        first = self.faster_from(graph)
        if first is not None and step >= first and machine.available():
            return self._compiled(graph, homes)
        return NumpyPlan(graph, homes, self._xp)

    def beside(self, plan: NumpyPlan, work: Callable[[], Made]) -> Made:
        """Return work(); without BLAS's threads, which would keep a plan's own from their cores."""
        return blas_alone(lambda _: work(), wait=True) if plan.shares else work()

    def faster_from(self, graph: Graph) -> int | None:
        """Return the step from which a compiled plan is in use; None: never."""
        if self._agreed is not None:
            return None if self._agreed == inf else int(self._agreed)
        if not self._fuse or self._fast in (False, SAME_BITS) or not machine.installed():
            return None
        return 0 if self._fast else steps_until_it_pays(graph)

    def savings(self, graph: Graph) -> Savings | None:
        """Return what says when a faster plan with the same bits is due; None: never."""
        if not (self._fuse and self._same_bits and machine.installed()):
            return None
        return Savings(graph) if present_share() is None else None  # ranks would have to agree

    def agree(self, graph: Graph) -> None:
        """Let all ranks take a compiled plan into use at the same step: the latest of theirs."""
        if present_share() is not None:
            first = self.faster_from(graph)
            self._agreed = agreed(inf if first is None else first)

    def faster(self, plan: Any) -> NumpyPlan:
        """Return a compiled plan."""
        return self._compiled(plan.graph, plan.homes)

    def _compiled(self, graph: Graph, homes: dict[str, np.ndarray]) -> NumpyPlan:
        from portanet.compiler.engines.llvm.plan import LlvmPlan  # imports llvmlite

        return LlvmPlan(graph, homes, self._xp, mkl=self._mkl, same_bits=self._same_bits)
