"""Fused CUDA kernels as text: element-wise operations, and reductions along the same axes.

One thread, or a row of `lanes`, computes each index k. The lanes loop over j once for each
reduction that depends on another: first the maxima, say, then the sums of exponentials. Outputs are
stored in the last loop, after all reads. Shapes and strides are constants in the source. There are
no atomic operations: sums are added in a fixed order, so results are reproducible.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from portanet.compiler.engines.cuda.kernel import Kernel, kernel_of
from portanet.compiler.engines.cuda.nodes import node_text
from portanet.compiler.engines.cuda.text import COMBINE, c_type, literal
from portanet.compiler.engines.cuda.threads import index_type, place, thread_shape
from portanet.compiler.fusion.fused_group import reduced_values
from portanet.compiler.fusion.indexing import index_of_full, index_of_reduced
from portanet.compiler.fusion.operands import identity, levels, operands
from portanet.compiler.fusion.space import Space
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.graph.operations import REDUCERS


def emit(name: str, nodes: Sequence[Node], stored: Sequence[Value], space: Space) -> Kernel:
    """Return the kernel that computes `nodes` in order and stores `stored`."""
    return Writer(name, nodes, stored, space).kernel()


@dataclass
class Writer:
    """Writes the source of one kernel."""

    name: str
    nodes: Sequence[Node]
    stored: Sequence[Value]
    space: Space
    parameters: list[str] = field(default_factory=list)
    arguments: list[Any] = field(default_factory=list)
    n_names: int = 0
    body: list[str] = field(default_factory=list)
    loop: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inside = {id(v): node for node in self.nodes for v in node.outputs}
        self.reduced = reduced_values(self.nodes, self.space)
        self.level = levels(self.nodes)
        self.of_body: dict[Any, str] = {}
        self.of_loop: dict[Any, str] = {}
        self.pointers: dict[Any, str] = {}
        self.shape = thread_shape(self.space)
        values = (v for node in self.nodes for v in (*node.inputs, *node.outputs))
        self.index = index_type(self.space, values)

    def kernel(self) -> Kernel:
        """Return the kernel."""
        outs = [self.pointer(v, const=False) for v in self.stored]
        full = [(v, o) for v, o in zip(self.stored, outs, strict=True) if id(v) not in self.reduced]
        reduced = [(v, o) for v, o in zip(self.stored, outs, strict=True) if id(v) in self.reduced]
        sums = [node for node in self.nodes if node.op in REDUCERS]
        last = max([self.level[id(v)] for v, _ in full] + [self._run_of(n) for n in sums])
        for run in range(last + 1):
            self.run([n for n in sums if self._run_of(n) == run], full if run == last else [])
        self.store_reduced(reduced)
        shape, lines = self.shape, [*place(self.space, self.index), *self.body]
        blocks, threads = -(-self.space.n_kept // shape.tile), shape.tile * shape.lanes
        return kernel_of(self.name, self.parameters, self.arguments, lines, blocks, threads)

    def _run_of(self, reduction: Node) -> int:
        return self.level[id(reduction.output)] - 1

    def run(self, reductions: list[Node], stores: list[tuple[Value, str]]) -> None:
        """Write one loop over the reduced index."""
        self.loop, self.of_loop = [], {}
        for node in reductions:
            self._accumulate(node)
        lines = []  # after all reads: an output may share its buffer with an input
        for value, out in stores:
            text = self._operand(value, value.shape, value.dtype, inside_loop=True)
            at = index_of_full(value, value.shape, self.space)
            lines.append(f"{self._guard()}{out}[{at}] = {text};")
        self.loop += lines
        if self.space.n_reduced == 1:
            self.body += self.loop
        elif self.loop:
            self.body += [f"{self.loop_head()} {{", *(f"    {line}" for line in self.loop), "}"]
        for node in reductions:
            self.combine(node)

    def loop_head(self) -> str:
        """Return the head of the loop over j; each lane takes every lanes-th index."""
        first, step = ("lane", self.shape.lanes) if self.shape.lanes > 1 else ("0", 1)
        return f"for ({self.index} j = {first}; j < {self.space.n_reduced}; j += {step})"

    def _accumulate(self, node: Node) -> None:
        value, out = node.args[0], node.output
        self.n_names += 1
        name, kind = f"partial{self.n_names}", c_type(out.dtype)
        self.of_body["partial", id(out)] = name
        self.body.append(f"{kind} {name} = {literal(identity(node.op, out.dtype), out.dtype)};")
        text = self._operand(value, value.shape, out.dtype, inside_loop=True)
        self.loop.append(f"{name} = {COMBINE[node.op]}::of({name}, {text});")

    def combine(self, node: Node) -> None:
        """Combine the partial results of the lanes."""
        out, lanes = node.output, self.shape.lanes
        partial = self.of_body["partial", id(out)]
        stride = 1 if self.space.rows else self.shape.tile
        lane = "lane" if lanes > 1 else "0"
        text = f"over_lanes<{COMBINE[node.op]}, {lanes}, {stride}>({partial}, memory, {lane})"
        self.of_body[id(out)] = self._name(self.body, out, text if lanes > 1 else partial)

    def store_reduced(self, stores: list[tuple[Value, str]]) -> None:
        """Store the reduced values."""
        lines = []
        for value, out in stores:
            text = self._operand(value, value.shape, value.dtype, inside_loop=False)
            at = index_of_reduced(value, value.shape, self.space)
            lines.append(f"{out}[{at}] = {text};")
        if lines and self.shape.lanes > 1:
            self.body.append("__syncthreads();  // all have read what may be written over now")
        self.body += [f"{self._guard(' && lane == 0')}{line}" for line in lines]

    def _guard(self, more: str = "") -> str:
        return f"if (own < {self.space.n_kept}{more}) " if self.shape.lanes > 1 else ""

    def _operand(self, arg: Any, shape: tuple[int, ...], dtype: Any, *, inside_loop: bool) -> str:
        """Return an operand's text in a dtype; write what it depends on first."""
        if isinstance(arg, HostScalar):
            return self._scalar(arg, dtype)
        if not isinstance(arg, Value):
            return literal(arg, dtype)
        if id(arg.root) in self.inside:
            text = self._inside(arg.root, inside_loop)
        else:
            text = self._outside(arg, shape, inside_loop)
        return text if arg.dtype == dtype else f"(({c_type(dtype)}){text})"

    def _inside(self, value: Value, inside_loop: bool) -> str:
        inside_loop = inside_loop and id(value) not in self.reduced
        known, lines = (self.of_loop, self.loop) if inside_loop else (self.of_body, self.body)
        if id(value) not in known:
            known[id(value)] = self._name(lines, value, self._compute(value, inside_loop))
        return known[id(value)]

    def _compute(self, value: Value, inside_loop: bool) -> str:
        node = self.inside[id(value)]
        found = node_text(node)
        assert found is not None  # checked when the group was formed
        text, dtypes = found
        texts = [
            self._operand(arg, value.shape, dtype, inside_loop=inside_loop)
            for arg, dtype in zip(operands(node), dtypes, strict=True)
        ]
        return text.format(*texts)

    def _outside(self, value: Value, shape: tuple[int, ...], inside_loop: bool) -> str:
        index = (index_of_full if inside_loop else index_of_reduced)(value, shape, self.space)
        in_loop = inside_loop and "j" in index
        known, lines = (self.of_loop, self.loop) if in_loop else (self.of_body, self.body)
        key = (id(value), index)
        if key not in known:
            known[key] = self._name(lines, value, f"{self.pointer(value)}[{index}]")
        return known[key]

    def _scalar(self, scalar: HostScalar, dtype: Any) -> str:
        key = (scalar.key, str(dtype))
        if key not in self.of_body:
            name = self.parameter((scalar, str(dtype)), dtype)
            self.of_body[key] = f"s{name}"
            self.body.append(f"const {c_type(dtype)} s{name} = *{name};")
        return self.of_body[key]

    def pointer(self, value: Value, *, const: bool = True) -> str:
        """Return the name of the parameter that points to a value."""
        key = (id(value), const)
        if key not in self.pointers:
            self.pointers[key] = self.parameter(value, value.dtype, const=const)
        return self.pointers[key]

    def parameter(self, argument: Any, dtype: Any, *, const: bool = True) -> str:
        """Add a parameter; return its name."""
        name = f"p{len(self.parameters)}"
        self.parameters.append(f"{'const ' if const else ''}{c_type(dtype)}* {name}")
        self.arguments.append(argument)
        return name

    def _name(self, lines: list[str], value: Value, text: str) -> str:
        self.n_names += 1
        name = f"v{self.n_names}"
        lines.append(f"const {c_type(value.dtype)} {name} = {text};")
        return name
