"""Fused loops as source for numba: element-wise operations, and reductions along the same axes.

A group runs over its kept and its reduced numbers as often as its reductions wait for each other:
maxima first, say, then sums of what they are subtracted from. What is stored is stored in the last
run, when a place has been read for the last time. Lengths, strides and places are constants in the
text, so that the compiler makes vectors of it.
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
    """Neighbours in memory are reduced, or nothing is: each kept number is finished at once."""

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
    """Neighbours in memory are kept (a sum over the batch): partial results stand in memory."""

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
            in_order = node.op == "sum"  # neighbours are added at once, each in its own order
            new = f"{total} + {text}" if in_order else combined(node.op, total, text, out.dtype)
            inner.append(self.store(out, new, full=False))
        return inner + (self.full_stores(inner, known) if last else [])

    def _reduced_lines(self, run: int) -> list[str]:
        """Store what is made of the run's sums, number by number."""
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
    """Return whether the arrays of a group can be walked by common loops."""
    return GroupText(unit, module).fits


def stored_sums(unit: Unit) -> list[Value]:
    """Return the sums of a group that nobody has asked for, but that columns need in memory."""
    sums = [node.output for node in unit.nodes if node.op in REDUCERS]
    return [value for value in sums if value not in unit.outputs]
