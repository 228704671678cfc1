"""Two kernels for sums that leave few numbers of many: partial results of blocks, then their sum.

The columns of x (8192, 64), say. One kernel has 8 blocks for them, each with a tile of 8 columns,
and leaves most of a large GPU idle; with the rows in 256 pieces there are 512 blocks:

    kernel_0        piece 0    x[0:32]     ->  partial[0, 0:64]
                    piece 1    x[32:64]    ->  partial[1, 0:64]
                    ...
    kernel_0_rest   sum of partial[p, k] over the pieces p  ->  sum[k]

Which spaces are cut, and how, is decided in threads.py. Partial results are added in a fixed order,
without atomic operations, so results are reproducible. There are two launches since blocks cannot
wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from portanet.compiler.engines.cuda.emit import Writer, emit
from portanet.compiler.engines.cuda.half import accumulator
from portanet.compiler.engines.cuda.kernel import Kernel, Partials
from portanet.compiler.engines.cuda.threads import is_long, split_shape, thread_shape
from portanet.compiler.fusion.fused_group import Group, reduced_values
from portanet.compiler.fusion.operands import levels
from portanet.compiler.fusion.space import Space
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.operations import REDUCERS


def emit_all(
    name: str, nodes: Sequence[Node], stored: Sequence[Value], space: Space
) -> list[Kernel]:
    """Return the kernels, one or two, that compute `nodes` and store `stored`."""
    shape = split_shape(space, _bytes_read(nodes))
    if shape is None or len(_by_part(nodes, reduced_values(nodes, space))) > 1:
        return [emit(name, nodes, stored, space)]
    first = _First(name, nodes, stored, space, shape)
    pieces = thread_shape(Space(space.n_kept, shape.pieces, rows=False))
    second = _Second(f"{name}_rest", nodes, stored, space, pieces)
    return [first.kernel(), second.of(first.partials)]


def parts_of(group: Group) -> list[Group]:
    """Split a group over a long space where operations depend on its sums.

    Between the parts all blocks are done. A group of one part, and any over a shorter space, is
    returned as it is: its blocks find in their cache what they have read before.
    """
    if not is_long(group.space):
        return [group]
    parts = _by_part(group.nodes, group.reduced)
    groups = [_group(parts[i], group.space) for i in sorted(parts)]
    found = [part for part in groups if part is not None]
    return found if len(found) == len(groups) else [group]


def _by_part(nodes: Sequence[Node], reduced: set[int]) -> dict[int, list[Node]]:
    """Return operations by how many sums in a row they must wait for."""
    parts: dict[int, list[Node]] = {}
    level = levels(nodes)
    for node in nodes:
        after = id(node.output) in reduced  # computed after the sums, in the second kernel
        parts.setdefault(max(level[id(node.output)] - after, 0), []).append(node)
    return parts


def _group(nodes: list[Node], space: Space) -> Group | None:
    reduces = any(node.op in REDUCERS for node in nodes)
    group = Group([], space if reduces else Space(space.size, 1), reduces)
    return group if all(group.join(node) for node in nodes) else None


def _bytes_read(nodes: Sequence[Node]) -> int:
    """Return how many bytes of values from outside the operations read."""
    inside = {id(value) for node in nodes for value in node.outputs}
    read = {id(v): v.n_bytes for node in nodes for v in node.inputs if id(v.root) not in inside}
    return sum(read.values())


@dataclass
class _First(Writer):
    """Computes full values, and a partial result of each reduction in each block."""

    partials: list[Partials] = field(default_factory=list)

    def kernel(self) -> Kernel:
        self.run(self.sums, self.outputs(reduced=False))
        return self.written()

    def dtype_of_total(self, out: Value) -> Any:
        return accumulator(out.dtype)

    def combine(self, node: Node) -> None:
        n_kept = self.space.n_kept
        dtype = str(self.dtype_of_total(node.output))
        partials = Partials(dtype, self.shape.pieces * n_kept)
        self.partials.append(partials)
        super().combine(node)
        pointer = self.parameters.add(partials, partials.dtype, const=False)
        total = self.of_body[id(node.output)]
        self.body.append(f"{self.guard(' && lane == 0')}{pointer}[piece * {n_kept} + k] = {total};")


class _Second(Writer):
    """Combines the partial results, and computes the reduced values."""

    def of(self, partials: Sequence[Partials]) -> Kernel:
        self.loads, self.loop = [], []
        for node, parts in zip(self.sums, partials, strict=True):
            pointer = self.parameters.add(parts, parts.dtype)
            part = self.load(parts.dtype, f"{pointer}[j * {self.space.n_kept} + k]")
            self.accumulate(node, part)
        self.end_loop()
        for node in self.sums:
            self.combine(node)
        self.store_reduced(self.outputs(reduced=True))
        return self.written()
