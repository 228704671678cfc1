"""Fused loops as source for numba: element-wise operations, and reductions along the same axes.

There is one loop over j for each reduction that depends on another, and outputs are stored in the
last one, after all reads. Lengths, strides and offsets are constants in the source, so that LLVM
vectorizes the loops. Softmax of x (64, 20) along its rows (the constants c0 and c1 are -inf and 0):

    for k0 in range(64):
        s1 = c0
        for j0 in range(20):
            x2 = f4_0[20 * k0 + j0]
            s1 = maximum(s1, x2)
        s3 = c1
        for j0 in range(20):
            x4 = f4_0[20 * k0 + j0]
            v5 = (x4 - s1)
            v6 = exp32(v5)
            s3 = add(s3, v6)
        for j0 in range(20):
            x7 = f4_0[20 * k0 + j0]
            v8 = (x7 - s1)
            v9 = exp32(v8)
            v10 = (v9 / s3)
            f4_1[20 * k0 + j0] = v10

If the reduced axes come first, the loop over j is outermost and partial results are kept in memory:
the sum of squares of x over its first axis is

    for k0 in range(20):
        f4_0[k0] = c0
    for j0 in range(64):
        for k0 in range(20):
            x1 = f4_1[k0 + 20 * j0]
            v2 = (x1 * x1)
            f4_0[k0] = f4_0[k0] + v2
"""

from typing import Any

from portanet.compiler.engines.numba.group import GroupText, Module
from portanet.compiler.engines.numba.text import combined, number
from portanet.compiler.fusion.operands import identity
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.operations import REDUCERS

INDENT = "    "


def group_lines(unit: Unit, module: Module) -> list[str]:
    """Return the loops of a group."""
    assert unit.group is not None  # single operations are written elsewhere
    return (_Rows if unit.group.space.rows else _Columns)(unit, module).lines()


def loops(letter: str, lengths: list[int], body: list[str]) -> list[str]:
    """Return a nest of loops around lines; nothing around none.

    >>> loops("k", [2, 3], ["x = 0"])
    ['for k0 in range(2):', '    for k1 in range(3):', '        x = 0']
    """
    if not body:
        return []
    heads = [f"{INDENT * i}for {letter}{i} in range({n}):" for i, n in enumerate(lengths)]
    return heads + [INDENT * len(lengths) + line for line in body]


class _Rows(GroupText):
    """The reduced axes are the last ones: each index k is finished before the next."""

    def lines(self) -> list[str]:
        """Return the loops."""
        body: list[str] = []
        known: dict[Any, str] = {}
        for run in range(self.last_run + 1):
            body += self._run(self.sums_of(run), run == self.last_run, known)
        for value in self.unit.outputs:
            if id(value) in self.reduced:
                text = self.value(value, body, known, full=False)
                body.append(self.store(value, text, full=False))
        return loops("k", self.kept_lengths, body)

    def _run(self, sums: list[Node], last: bool, known: dict[Any, str]) -> list[str]:
        before, inner, own = [], [], dict(known)
        for node in sums:
            value, dtype, name = node.args[0], node.output.dtype, self.new_name("s")
            before.append(f"{name} = {self.module.name(number(identity(node.op, dtype), dtype))}")
            text = self.operand(value, value.shape, dtype, inner, own, full=True)
            inner.append(f"{name} = {combined(node.op, name, text, dtype)}")
            known[id(node.output)] = name
        stores = self.full_stores(inner, own) if last else []
        return before + loops("j", self.reduced_lengths, inner + stores)


class _Columns(GroupText):
    """The reduced axes are the first ones (a sum over the batch): partial sums are in memory."""

    def lines(self) -> list[str]:
        """Return the loops."""
        lines: list[str] = []
        for run in range(self.last_run + 1):
            sums = self.sums_of(run)
            lines += loops("k", self.kept_lengths, [self._start(node) for node in sums])
            body = self._run(sums, run == self.last_run)
            lines += loops("j", self.reduced_lengths, loops("k", self.kept_lengths, body))
            lines += loops("k", self.kept_lengths, self._reduced_lines(run))
        return lines

    def _start(self, node: Node) -> str:
        dtype = node.output.dtype
        start = self.module.name(number(identity(node.op, dtype), dtype))
        return self.store(node.output, start, full=False)

    def _run(self, sums: list[Node], last: bool) -> list[str]:
        inner: list[str] = []
        known: dict[Any, str] = {}
        for node in sums:
            value, out = node.args[0], node.output
            text = self.operand(value, value.shape, out.dtype, inner, known, full=True)
            total = self.load(out, out.shape, full=False)
            in_order = node.op == "sum"  # one sum for each k: vectorized in order
            new = f"{total} + {text}" if in_order else combined(node.op, total, text, out.dtype)
            inner.append(self.store(out, new, full=False))
        return inner + (self.full_stores(inner, known) if last else [])

    def _reduced_lines(self, run: int) -> list[str]:
        """Store the reduced values that depend on the run's sums."""
        body: list[str] = []
        known: dict[Any, str] = {}
        for value in self.unit.outputs:
            ready = id(value) in self.reduced and max(self.level[id(value)], 1) == run + 1
            if ready and self.inside[id(value)].op not in REDUCERS:
                body.append(
                    self.store(value, self.value(value, body, known, full=False), full=False)
                )
        return body


def fits(unit: Unit, module: Module) -> bool:
    """Return whether one loop nest suits all arrays of a group."""
    return GroupText(unit, module).fits


def stored_sums(unit: Unit) -> list[Value]:
    """Return the sums of a group that are not outputs, but that _Columns keeps in memory."""
    sums = [node.output for node in unit.nodes if node.op in REDUCERS]
    return [value for value in sums if value not in unit.outputs]
