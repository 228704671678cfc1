"""NumbaPlan: a plan whose loops and products are compiled by numba, in as few calls as possible.

Operations that cannot be written as loops (kernels, sorting, users' functions) are lines of NumPy
between two compiled functions. A step of the blog's network is one call.
"""

import re
from typing import Any

import numpy as np

from portanet.backends._numba import compiling
from portanet.backends._numpy import blas
from portanet.compiler.engines.numba.emit import fits, group_lines, stored_sums
from portanet.compiler.engines.numba.group import Module
from portanet.compiler.engines.numba.products import gemm_lines
from portanet.compiler.engines.numba.text import MEMORY, has_text
from portanet.compiler.engines.numpy.plan import Line, NumpyPlan
from portanet.compiler.fusion.units import Unit, fused_units
from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.graph.host_scalar import HostScalar

_MOST_NODES = 48  # of one group: longer loops do not fit into registers
_POINTERS = {"f4": "pointer32", "f8": "pointer64", "i8": "pointer_int64", "u1": "pointer_uint8"}
_MEMORY = re.compile(r"\b([fiu]\d)_(\d+)\[")
_GEMM = re.compile(r"gemm_(\w+)_(float\d\d)\(")
_IMPORTS = """import math
import numpy as np
from numba import carray
from portanet.backends._numba.gemm import (
    gemm, pointer32, pointer64, pointer_int64, pointer_uint8,
)
from portanet.backends._numba.math import erf32, exp32, expm1_32, log1p_32, log32, tanh32
from portanet.backends._numba.math_llvm import add, maximum, minimum

zero_float32, one_float32 = np.float32(0), np.float32(1)
zero_float64, one_float64 = np.float64(0), np.float64(1)
"""


class NumbaPlan(NumpyPlan):
    """A plan of compiled functions, and of lines of NumPy where necessary.

    Large products go to MKL where it is installed and faster, unless mkl=False.
    """

    compiled = True

    def __init__(self, graph: Graph, homes: Any, xp: Any, mkl: bool | None = None) -> None:
        self._mkl = mkl
        super().__init__(graph, homes, xp)

    def make_units(self) -> list[Unit]:
        """Return fused groups and single operations."""
        return fused_units(self.graph, has_text, _MOST_NODES, _fits)

    def make_lines(self) -> list[Line]:
        """Return the calls, and the lines of NumPy between them."""
        self._tables, self._functions = _Tables(self), []
        module = Module(self._tables.place, self._tables.scalar)
        has_gemm = compiling.has_gemm()
        lines: list[Line] = []
        waiting: list[tuple[list[str], Unit]] = []
        for unit in self.units:
            text = self._text(unit, module, has_gemm)
            if text:
                waiting.append((text, unit))
                continue
            own = self.unit_lines(unit)
            if own:  # nothing is left of a concatenation whose inputs are in place
                lines += [*self._call(waiting), *own]
                waiting = []
        lines += self._call(waiting)
        self._compile(module)
        return lines + self.last_lines()

    def _text(self, unit: Unit, module: Module, has_gemm: bool) -> list[str]:
        if unit.group is not None:
            return group_lines(unit, module)
        node = unit.nodes[0]
        if node.op == "matmul" and has_gemm:
            return gemm_lines(node, self._tables.address, self._library)
        return []

    def _library(self, m: int, n: int, k: int, dtype: str) -> str:
        """Return the name of the BLAS for a product: MKL if it was measured to be faster."""
        return "numpy" if self._mkl is False else blas.faster(m, n, k, dtype)

    def _call(self, waiting: list[tuple[list[str], Unit]]) -> list[Line]:
        """Make a function of the collected text; return the line that calls it."""
        if not waiting:
            return []
        name = f"part{len(self._functions)}"
        self._functions.append((name, [line for text, _ in waiting for line in text]))
        nodes: list[Node] = [node for _, unit in waiting for node in unit.nodes]
        return [(f"{name}(table)", nodes)]

    def _compile(self, module: Module) -> None:
        used = {name for _, body in self._functions for name in _GEMM.findall("\n".join(body))}
        gemms = "".join(f'gemm_{blas}_{t} = gemm("{blas}", "{t}")\n' for blas, t in sorted(used))
        head = _IMPORTS + gemms + "".join(f"{n} = {text}\n" for text, n in module.constants.items())
        self.compiled_source = head
        for name, body in self._functions:
            lines = [*self._tables.opening(body), *body]
            text = f"\ndef {name}(table):\n" + "".join(f"    {line}\n" for line in lines)
            self.compiled_source += text
            function = compiling.compile_source(head + text, name, "void(int64)")
            self.writer.names[name] = function
        self.writer.names["table"] = self._tables.table.ctypes.data
        self._table = self._tables.table  # its memory must live as long as the plan


class _Tables:
    """The table of addresses that is the argument of compiled functions."""

    def __init__(self, plan: NumbaPlan) -> None:
        self._plan = plan
        self._bases: list[tuple[int, int]] = []  # addresses and sizes in bytes
        self._known: dict[int, int] = {}  # indices in it, by the ids of arrays that own memory
        self._kept: list[np.ndarray] = []
        self._numbers = np.zeros(len(plan.graph.scalars()) * len(MEMORY))
        self._n_numbers = 0
        for array in (plan.arena, *plan.homes.values(), self._numbers):
            self._base(array)

    @property
    def table(self) -> np.ndarray:
        """The addresses."""
        if not hasattr(self, "_table"):
            self._table = np.asarray([base for base, _ in self._bases], np.int64)
        return self._table

    def place(self, value: Value) -> tuple[str, int]:
        """Return the name of a value's memory, and its offset in items."""
        base, offset = self._base(self._plan.find(value))
        return f"{MEMORY[str(value.dtype)]}_{base}", offset // value.dtype.itemsize

    def address(self, value: Value, offsets: list[tuple[int, str]]) -> str:
        """Return the text of a value's address plus offsets times variables."""
        base, offset = self._base(self._plan.find(value))
        terms = [f"t[{base}]", *([str(offset)] if offset else [])]
        return " + ".join([*terms, *(f"{n} * {variable}" for n, variable in offsets)])

    def scalar(self, scalar: HostScalar, dtype: Any) -> tuple[str, int]:
        """Return the name of the memory of a HostScalar, and its offset in items."""
        array = self._plan.writer.scalar_array(scalar, dtype, lambda: self._new_number(dtype))
        base, offset = self._base(array)
        return f"{MEMORY[str(np.dtype(dtype))]}_{base}", offset // np.dtype(dtype).itemsize

    def opening(self, body: list[str]) -> list[str]:
        """Return the lines that define the memories that a body uses."""
        used = sorted(set(_MEMORY.findall("\n".join(body))), key=lambda name: (int(name[1]), name))
        lines = [f"t = carray(pointer_int64(table), {len(self._bases)})"]
        for kind, number in used:
            n = self._bases[int(number)][1] // int(kind[1])
            lines.append(f"{kind}_{number} = carray({_POINTERS[kind]}(t[{number}]), {n})")
        return lines

    def _new_number(self, dtype: Any) -> np.ndarray:
        at, self._n_numbers = self._n_numbers, self._n_numbers + 1
        return self._numbers[at : at + 1].view(dtype)[:1].reshape(())

    def _base(self, array: np.ndarray) -> tuple[int, int]:
        """Return the index of an array's memory in the table, and its offset in bytes."""
        root = array
        while isinstance(root.base, np.ndarray):
            root = root.base
        at = self._known.setdefault(id(root), len(self._bases))
        if at == len(self._bases):
            own = root if array is not self._plan.arena else array  # aligned to a cache line
            self._bases.append((_address(own), max(own.nbytes, 1)))
            self._kept.append(root)
        return at, _address(array) - self._bases[at][0]


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _fits(unit: Unit) -> bool:
    """Return whether a group can be written as loops; make its sums outputs, which loops need."""
    unit.outputs += stored_sums(unit)
    nowhere = Module(lambda value: ("", 0), lambda scalar, dtype: ("", 0))  # noqa: ARG005
    return fits(unit, nowhere)
