"""Two-stage kernels for long reductions to one number: partial sums per block, then their sum.

Partial sums are added in a fixed order, without atomic operations, so results are reproducible.
There are two launches since blocks cannot wait for each other.
"""

from collections.abc import Sequence

from portanet.compiler.engines.cuda.emit import Writer, emit
from portanet.compiler.engines.cuda.kernel import Kernel, Partials, kernel_of
from portanet.compiler.engines.cuda.text import COMBINE, c_type, literal
from portanet.compiler.engines.cuda.threads import ThreadShape
from portanet.compiler.fusion.fused_group import Group
from portanet.compiler.fusion.operands import identity, levels
from portanet.compiler.fusion.space import Space
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.operations import REDUCERS

LONG = 2**16  # elements: 64 iterations for a block of 1024 threads
_THREADS, _PER_THREAD, _MOST_BLOCKS = 256, 16, 256
_SHAPE = ThreadShape(1, _THREADS)
_PLACE = [
    "const int own = 0, lane = threadIdx.x, k = 0;",
    f"__shared__ double memory[{_THREADS}];",
]


def is_long(space: Space) -> bool:
    """Return whether a space is reduced to one number by more than one block's work."""
    return space.n_kept == 1 and space.n_reduced >= LONG


def emit_all(
    name: str, nodes: Sequence[Node], stored: Sequence[Value], space: Space
) -> list[Kernel]:
    """Return the kernels, one or two, that compute `nodes` and store `stored`."""
    first, level = _First(name, nodes, stored, space), levels(nodes)
    waits = any(level[id(n.output)] > (id(n.output) in first.reduced) for n in nodes)
    if waits or not is_long(space):  # full values depend on its sums
        return [emit(name, nodes, stored, space)]
    second = _Second(f"{name}_rest", nodes, stored, space)
    return [first.kernel(), second.of(first.partials)]


def parts_of(group: Group) -> list[Group]:
    """Split a group over a long space where operations depend on its sums.

    Between the parts all blocks are done. A group of one part, and any over a shorter space, is
    returned as it is.
    """
    if not is_long(group.space):
        return [group]
    parts: dict[int, list[Node]] = {}
    level = levels(group.nodes)
    for node in group.nodes:
        after = id(node.output) in group.reduced  # computed after the sums
        parts.setdefault(max(level[id(node.output)] - after, 0), []).append(node)
    groups = [_group(parts[i], group.space) for i in sorted(parts)]
    found = [part for part in groups if part is not None]
    return found if len(found) == len(groups) else [group]


def _group(nodes: list[Node], space: Space) -> Group | None:
    reduces = any(node.op in REDUCERS for node in nodes)
    group = Group([], space if reduces else Space(space.size, 1), reduces)
    return group if all(group.join(node) for node in nodes) else None


class _First(Writer):
    """Computes full values, and a partial result of each reduction in each block."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.shape, self.partials = _SHAPE, list[Partials]()
        blocks = -(-self.space.n_reduced // (_THREADS * _PER_THREAD))
        self.blocks = min(blocks, _MOST_BLOCKS)
        if self.space.n_reduced + self.blocks * _THREADS >= 2**31:
            self.index = "long long"

    def kernel(self) -> Kernel:
        full = [(v, self.pointer(v, const=False)) for v in self.stored if id(v) not in self.reduced]
        self.run([node for node in self.nodes if node.op in REDUCERS], full)
        lines = [*_PLACE, *self.body]
        return kernel_of(self.name, self.parameters, self.arguments, lines, self.blocks, _THREADS)

    def loop_head(self) -> str:
        """Return the head of a grid-stride loop, in which reads are coalesced."""
        first = f"({self.index})blockIdx.x * {_THREADS} + lane"
        return (
            f"for ({self.index} j = {first}; j < {self.space.n_reduced}; "
            f"j += {self.blocks * _THREADS})"
        )

    def combine(self, node: Node) -> None:
        partials = Partials(str(node.output.dtype), self.blocks)
        self.partials.append(partials)
        super().combine(node)
        pointer = self.parameter(partials, partials.dtype, const=False)
        total = self.of_body[id(node.output)]
        self.body.append(f"if (lane == 0) {pointer}[blockIdx.x] = {total};")


class _Second(Writer):
    """Combines the partial results, and computes the reduced values."""

    def of(self, partials: Sequence[Partials]) -> Kernel:
        self.shape = _SHAPE
        reduced = [(v, self.pointer(v, const=False)) for v in self.stored if id(v) in self.reduced]
        sums = [node for node in self.nodes if node.op in REDUCERS]
        for node, parts in zip(sums, partials, strict=True):
            self._add_up(node, parts)
        self.store_reduced(reduced)
        lines = [*_PLACE, *self.body]
        return kernel_of(self.name, self.parameters, self.arguments, lines, 1, _THREADS)

    def _add_up(self, node: Node, parts: Partials) -> None:
        name, pointer = f"sum{len(self.body)}", self.parameter(parts, parts.dtype)
        start = literal(identity(node.op, parts.dtype), parts.dtype)
        self.body += [
            f"{c_type(parts.dtype)} {name} = {start};",
            f"for (int j = lane; j < {parts.count}; j += {_THREADS})",
            f"    {name} = {COMBINE[node.op]}::of({name}, {pointer}[j]);",
        ]
        self.of_body["partial", id(node.output)] = name
        self.combine(node)
