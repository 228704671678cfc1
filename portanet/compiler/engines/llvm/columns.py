"""The loops of a group whose reduced axes are the first ones (see emit.py, blocks.py)."""

from math import prod
from typing import Any

import numpy as np

from portanet.backends._llvm.machine import address_of
from portanet.compiler.engines.llvm.blocks import in_blocks, loops_over_columns
from portanet.compiler.engines.llvm.group import GroupText
from portanet.compiler.engines.llvm.lines import loops
from portanet.compiler.engines.llvm.text import combined
from portanet.compiler.graph.graph import Node
from portanet.compiler.graph.operations import REDUCERS


class Columns(GroupText):
    """Totals are in memory, one for each index k (a sum over the batch)."""

    def lines(self) -> list[str]:
        """Return the loops."""
        lines: list[str] = []
        for run in range(self.last_run + 1):
            sums = self.sums_of(run)
            places = [
                (node, self.load(node.output, node.output.shape, full=False)) for node in sums
            ]
            lines += self._starts(places)
            lines += self._run(places, run == self.last_run)
            lines += self.over_kept(self._reduced_lines(run))
        return lines

    def _starts(self, places: list[tuple[Node, str]]) -> list[str]:
        return self.over_kept([f"{place} = {self.start(node)}" for node, place in places])

    def _run(self, totals: list[tuple[Node, str]], last: bool) -> list[str]:
        """Return the loops over j, in blocks if they are long sums."""
        cut = [(node, total) for node, total in totals if in_blocks(node, self.space.n_reduced)]
        nest, at = loops_over_columns(self.reduced_lengths, self.arguments, bool(cut))
        parts = {node: self._partial(node) for node, _ in cut}
        around = (
            self._starts(list(parts.items())),
            self.over_kept([f"{total} = {total} + {parts[node]}" for node, total in cut]),
        )
        sums = [(node, parts.get(node, total)) for node, total in totals]
        body = self.over_kept(self._body(sums, last))
        return loops(nest, body, lambda i: around if i == at else ([], []))

    def _partial(self, node: Node) -> str:
        """Return the place of a block's sum, in memory of the kernel's own."""
        memory = np.zeros(self.space.n_kept, node.output.dtype)
        self.memory.append(memory)
        name = self.arguments.memory(id(memory), address_of(memory), memory.dtype)
        lengths = self.kept_lengths
        strides = [prod(lengths[i + 1 :]) for i in range(len(lengths))]
        index = self.arguments.along([f"k{i}" for i in range(len(lengths))], strides)
        return f"{name}[{' + '.join(index) or 0}]"

    def _body(self, sums: list[tuple[Node, str]], last: bool) -> list[str]:
        inner: list[str] = []
        known: dict[Any, str] = {}
        for node, total in sums:
            value, out = node.args[0], node.output
            text = self.operand(value, value.shape, out.dtype, inner, known, full=True)
            in_order = node.op == "sum"  # one sum for each k: vectorized in order
            new = f"{total} + {text}" if in_order else combined(node.op, total, text, out.dtype)
            inner.append(f"{total} = {new}")
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
