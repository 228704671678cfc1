"""Fused loops as text of the kernel language: element-wise operations and reductions.

There is one loop over j for each reduction that depends on another, and outputs are stored in the
last one, after all reads. Softmax of the rows of x1, into x3:

    def kernel(n0: i8, x1: f4[:], s2: i8, x3: f4[:]):
        for k0 in range(first, last):
            t1 = f4(-inf)
            for j0 in unmasked(n0):
                e2 = x1[s2 * k0 + j0]
                t1 = maximum(t1, e2)
            t3 = f4(0.0)
            for j0 in parallel(n0):
                e4 = x1[s2 * k0 + j0]
                v5 = (e4 - t1)
                v6 = exp32(v5)
                t3 = add(t3, v6)
                x3[s2 * k0 + j0] = v6
            for j0 in unmasked(n0):
                v7 = x3[s2 * k0 + j0]
                v8 = (v7 / t3)
                x3[s2 * k0 + j0] = v8

The exponentials are kept where the result will be (kept.py). The outer loop over k goes from
`first` to `last`, which each call says: threads may share it. If the reduced axes come first, the
loop over j is outermost and partial results are kept in memory: the sum of squares of x3 over its
first axis is

    for k0 in unmasked(first, last):
        x1[k0] = f4(0.0)
    for j0 in range(n2):
        for k0 in unmasked(first, last):
            e1 = x3[k0 + s4 * j0]
            v2 = (e1 * e1)
            x1[k0] = x1[k0] + v2
"""

from typing import Any

from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.group import GroupText
from portanet.compiler.engines.llvm.kept import kept_values
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.engines.llvm.lines import kernel_text, loops
from portanet.compiler.engines.llvm.text import combined
from portanet.compiler.fusion.operands import identity
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.operations import REDUCERS


def group_kernel(unit: Unit, arguments: Arguments) -> Kernel:
    """Return the kernel of a group."""
    assert unit.group is not None  # single operations are written elsewhere
    loops = (_Rows if unit.group.space.rows else _Columns)(unit, arguments)
    text = kernel_text(arguments, loops.lines())
    length = loops.kept_lengths[0] if loops.kept_lengths else 0
    return Kernel(text, arguments.table, length=length, size=unit.group.space.size)


class _Loops(GroupText):
    """Loops over the kept and the reduced axes."""

    def over_kept(self, body: list[str]) -> list[str]:
        """Return loops over k around lines."""
        return self._over("k", self.kept_lengths, body)

    def over_reduced(self, body: list[str]) -> list[str]:
        """Return loops over j around lines."""
        return self._over("j", self.reduced_lengths, body)

    def _over(self, letter: str, lengths: list[int], body: list[str]) -> list[str]:
        names = []
        for i, n in enumerate(lengths):
            outer = letter == "k" and i == 0  # threads may share it
            names.append("first, last" if outer else self.arguments.length(f"{letter}{i}", n))
        return loops(letter, names, body)


class _Rows(_Loops):
    """The reduced axes are the last ones: each index k is finished before the next."""

    def lines(self) -> list[str]:
        """Return the loops."""
        body: list[str] = []
        known: dict[Any, str] = {}
        self._worth_keeping = kept_values(self)
        for run in range(self.last_run + 1):
            body += self._run(self.sums_of(run), run == self.last_run, known)
        for value in self.unit.outputs:
            if id(value) in self.reduced:
                text = self.value(value, body, known, full=False)
                body.append(self.store(value, text, full=False))
        return self.over_kept(body)

    def _run(self, sums: list[Node], last: bool, known: dict[Any, str]) -> list[str]:
        before, inner, own = [], [], dict(known)
        for node in sums:
            value, dtype, name = node.args[0], node.output.dtype, self.new_name("t")
            before.append(f"{name} = {self.arguments.number(identity(node.op, dtype), dtype)}")
            text = self.operand(value, value.shape, dtype, inner, own, full=True)
            inner.append(f"{name} = {combined(node.op, name, text, dtype)}")
            known[id(node.output)] = name
        stores = self.full_stores(inner, own) if last else self._keep(own)
        return before + self.over_reduced(inner + stores)

    def _keep(self, known: dict[Any, str]) -> list[str]:
        """Return the lines that keep values of this loop for later ones."""
        worth = self._worth_keeping.items()
        new = {i: out for i, out in worth if i in known and i not in self.kept}
        self.kept |= new
        return [self.store(out, known[i], full=True) for i, out in new.items()]


class _Columns(_Loops):
    """The reduced axes are the first ones (a sum over the batch): partial sums are in memory."""

    def lines(self) -> list[str]:
        """Return the loops."""
        lines: list[str] = []
        for run in range(self.last_run + 1):
            sums = self.sums_of(run)
            lines += self.over_kept([self._start(node) for node in sums])
            body = self._run(sums, run == self.last_run)
            lines += self.over_reduced(self.over_kept(body))
            lines += self.over_kept(self._reduced_lines(run))
        return lines

    def _start(self, node: Node) -> str:
        dtype = node.output.dtype
        start = self.arguments.number(identity(node.op, dtype), dtype)
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


def fits(unit: Unit) -> bool:
    """Return whether one loop nest suits all arrays of a group."""
    return GroupText(unit, Arguments(lambda value: 0, lambda scalar, dtype: 0)).fits  # noqa: ARG005


def stored_sums(unit: Unit) -> list[Value]:
    """Return the sums of a group that are not outputs, but that _Columns keeps in memory."""
    sums = [node.output for node in unit.nodes if node.op in REDUCERS]
    return [value for value in sums if value not in unit.outputs]
