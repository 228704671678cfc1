"""The loops of a group whose reduced axes are the last ones (see emit.py, blocks.py)."""

from typing import Any

from portanet.compiler.engines.llvm.blocks import in_blocks, loops_over_rows
from portanet.compiler.engines.llvm.group import GroupText
from portanet.compiler.engines.llvm.kept import kept_values
from portanet.compiler.engines.llvm.lines import Between, loops
from portanet.compiler.engines.llvm.text import combined
from portanet.compiler.graph.graph import Node

Totals = list[tuple[Node, list[str]]]


class Rows(GroupText):
    """Each index k is finished before the next."""

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
        inner, own = [], dict(known)
        long = [node for node in sums if in_blocks(node, self.space.n_reduced)]
        nest = loops_over_rows(self.reduced_lengths, self.arguments, bool(long))
        totals: Totals = []
        for node in sums:
            value, dtype = node.args[0], node.output.dtype
            n_names = len(nest) if node in long else 1
            names = [self.new_name("t") for _ in range(n_names)]
            text = self.operand(value, value.shape, dtype, inner, own, full=True)
            inner.append(f"{names[-1]} = {combined(node.op, names[-1], text, dtype)}")
            known[id(node.output)] = names[0]
            totals.append((node, names))
        stores = self.full_stores(inner, own) if last else self._keep(own)
        before = [f"{names[0]} = {self.start(node)}" for node, names in totals]
        return before + loops(nest, inner + stores, self._between(totals))

    def _between(self, totals: Totals) -> Between:
        """Return what gives each loop of a nest a total of its own."""

        def between(i: int) -> tuple[list[str], list[str]]:
            found = [(node, *names[i : i + 2]) for node, names in totals if names[i + 1 :]]
            before = [f"{own} = {self.start(node)}" for node, _, own in found]
            return before, [f"{outer} = {outer} + {own}" for _, outer, own in found]

        return between

    def _keep(self, known: dict[Any, str]) -> list[str]:
        """Return the lines that keep values of this loop for later ones."""
        worth = self._worth_keeping.items()
        new = {i: out for i, out in worth if i in known and i not in self.kept}
        self.kept |= new
        return [self.store(out, known[i], full=True) for i, out in new.items()]
