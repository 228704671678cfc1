"""LlvmPlan: a plan whose loops and products are kernels, called one after the other by one call.

    replay()  ->  run(steps)  ->  kernel(table), kernel(table), …

Kernels are compiled once for each text; what differs between two layers of one kind stands in the
tables. Operations that cannot be written as kernels (sorting, users' functions) are lines of NumPy
between two calls. A step of the blog's network is one call.
"""

import ctypes
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from portanet.backends._llvm import helpers, machine
from portanet.backends._llvm.machine import address_of
from portanet.backends._numpy import blas
from portanet.backends._numpy.threads import blas_alone
from portanet.compiler.engines.llvm.arguments import MEMORY, Arguments
from portanet.compiler.engines.llvm.copies import copies_of, copy_kernel
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.engines.llvm.products import product_kernel
from portanet.compiler.engines.llvm.row_sums import row_sum_kernels
from portanet.compiler.engines.llvm.same_bits import (
    has_same_bits,
    is_same_product,
    text_of_same_bits,
)
from portanet.compiler.engines.llvm.segments import segment_kernels
from portanet.compiler.engines.llvm.shared import SharedKernels
from portanet.compiler.engines.llvm.text import has_text, text_of
from portanet.compiler.engines.llvm.vectors import without_vector_products
from portanet.compiler.engines.llvm.windows import window_kernels
from portanet.compiler.engines.numpy.plan import Line, NumpyPlan
from portanet.compiler.fusion.units import Unit, fused_units
from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.graph.host_scalar import HostScalar

_MOST_NODES = 48  # of one group: longer loops do not fit into registers


class LlvmPlan(NumpyPlan):
    """A plan of kernels, and of lines of NumPy where necessary.

    kernels    what is called, in order
    mkl        products go to Intel's MKL
    same_bits  only what gives NumPy's bits is made a kernel (same_bits.py)
    shares     threads help with kernels
    """

    compiled = True

    def __init__(
        self, graph: Graph, homes: Any, xp: Any, *, mkl: bool = False, same_bits: bool = False
    ) -> None:
        self._mkl, self.same_bits = mkl, same_bits
        super().__init__(graph, homes, xp)

    def make_units(self) -> list[Unit]:
        """Return fused groups and single operations."""
        last = () if self.same_bits else without_vector_products(self.graph)
        self._addresses: dict[int, int] = {}  # by the ids of values
        own_text = text_of_same_bits if self.same_bits else text_of
        self._groups = SharedKernels(self._address, self._number, own_text)
        own = has_same_bits if self.same_bits else has_text
        return fused_units(self.graph, own, _MOST_NODES, self._groups.fits, last)

    def make_lines(self) -> list[Line]:
        """Return the calls of kernels, and the lines of NumPy between them."""
        self._numbers = np.zeros(len(self.graph.scalars()) * len(MEMORY))
        self._n_numbers = 0
        self.kernels: list[Kernel] = []
        self._kept: list[np.ndarray] = []  # the memory of tables
        self._helpers = helpers.helpers()
        found = [(unit, self._kernels(unit)) for unit in self.units]
        del self._groups  # and what it knows of the graph
        self._addresses.clear()
        machine.announce({kernel.text for _, kernels in found for kernel in kernels or ()})
        lines = self._calls(found)
        return lines if self._copies_inside else lines + self.last_lines()

    def _calls(self, found: list[tuple[Unit, list[Kernel] | None]]) -> list[Line]:
        """Return the units' lines, kernels side by side in one; the last copies states home."""
        lines: list[Line] = []
        waiting: list[tuple[Kernel, Unit]] = []
        for unit, kernels in found:
            if kernels is not None:
                waiting += [(kernel, unit) for kernel in kernels]
                continue
            own = self.unit_lines(unit)
            if own:  # nothing is left of a concatenation whose inputs are in place
                lines += [*self._call(waiting), *own]
                waiting = []
        copies = self._last_copies() if waiting else []
        self._copies_inside = bool(copies)
        return lines + self._call(waiting + [(copy, waiting[-1][1]) for copy in copies])

    def _last_copies(self) -> list[Kernel]:
        """Return the kernels that copy states to their homes; none if one cannot be written."""
        copies = [(self.homes[name], self.find(value)) for name, value in self.layout.copies]
        written = all(a.dtype == b.dtype and a.dtype in MEMORY for a, b in copies)
        return [copy_kernel(copy) for copy in copies] if written else []

    def _n_before(self) -> int:
        first = super()._n_before()
        return min(first, len(self.lines) - 1) if self._copies_inside else first

    def _compile_source(self) -> None:
        super()._compile_source()
        self.shares = any(kernel.chunks[0] > 1 for kernel in self.kernels)
        if self.shares:  # others do not pay for the question
            self.replay = partial(_shared, self.replay, self._helpers, self.same_bits)

    def _function(self, texts: list[str]) -> Callable[[], None]:
        run = super()._function(texts)
        return partial(_shared, run, self._helpers, self.same_bits) if self.shares else run

    def _kernels(self, unit: Unit) -> list[Kernel] | None:
        """Return the kernels of a unit; None if they cannot be written."""
        if unit.group is not None:
            return [self._groups.kernel(unit)]
        node, arguments = unit.nodes[0], Arguments(self._address, self._number)
        if node.op == "matmul":
            if self.same_bits and not is_same_product(node):
                return None
            library = blas.mkl() if self._mkl else blas.numpy_blas()
            if library is None:
                return None
            whole = self._mkl or self.same_bits  # in parts a product has other bits
            n_threads = 1 if whole else blas.n_threads(library)
            found = product_kernel(node, arguments, library, n_threads)
            return None if found is None else [found]
        copies = copies_of(node, self.find, self.layout.written.get(id(node), set()))
        if copies is not None:
            return [copy_kernel(copy) for copy in copies]
        if self.same_bits:
            return row_sum_kernels(node, self.find)
        return segment_kernels(node, self.find) or window_kernels(node, self.find)

    def _call(self, waiting: list[tuple[Kernel, Unit]]) -> list[Line]:
        """Return the line that calls the collected kernels."""
        if not waiting:
            return []
        kernels = [kernel for kernel, _ in waiting]
        steps = [
            (machine.kernel(k.text, k.name), address_of(k.table), k.length, *k.chunks)
            for k in kernels
        ]
        table = np.asarray(steps, np.int64).ravel()
        run = np.asarray([len(steps), address_of(table), address_of(self._helpers.job)], np.int64)
        self.kernels += kernels
        self._kept += [table, run]
        names, name = self.writer.names, f"steps{len(self._kept) // 2}"
        names["run_kernels"] = machine.function_of(machine.kernel(helpers.text(), "run"))
        names[name] = ctypes.c_void_p(address_of(run))
        units = {id(unit): unit for _, unit in waiting}.values()
        nodes: list[Node] = [node for unit in units for node in unit.nodes]
        return [(f"run_kernels({name})", nodes)]

    def _address(self, value: Value) -> int:
        known = self._addresses.get(id(value))
        if known is None:
            known = self._addresses[id(value)] = address_of(self.find(value))
        return known

    def _number(self, scalar: HostScalar, dtype: Any) -> int:
        """Return the address of a number of the step."""
        return address_of(self.writer.scalar_array(scalar, dtype, lambda: self._new_number(dtype)))

    def _new_number(self, dtype: Any) -> np.ndarray:
        at, self._n_numbers = self._n_numbers, self._n_numbers + 1
        return self._numbers[at : at + 1].view(dtype)[:1].reshape(())


def _shared(replay: Callable[[], None], threads: helpers.Helpers, same_bits: bool) -> None:
    """Replay with helpers; BLAS uses one thread meanwhile, unless that would change its bits."""

    def with_helpers(n_threads: int) -> None:
        threads.allow(n_threads)
        replay()

    if same_bits:
        with_helpers(blas.n_threads(blas.numpy_blas()))
    else:
        blas_alone(with_helpers, wait=True)
