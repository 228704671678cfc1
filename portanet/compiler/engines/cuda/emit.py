"""Fused CUDA kernels as text: element-wise operations, and reductions along the same axes.

One thread, or a row of `lanes`, computes each index k. The lanes loop over j once for each
reduction that depends on another: first the maxima, say, then the sums of exponentials. Outputs are
stored in the last loop, after all reads. Shapes and strides are constants in the source. There are
no atomic operations: sums are added in a fixed order, so results are reproducible. Sums that leave
few numbers of many are two kernels: emit_long.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from portanet.compiler.engines.cuda.half import accumulator
from portanet.compiler.engines.cuda.kernel import Kernel, Parameters, kernel_of
from portanet.compiler.engines.cuda.loops import Load, loop
from portanet.compiler.engines.cuda.nodes import node_text
from portanet.compiler.engines.cuda.text import COMBINE, c_type, literal
from portanet.compiler.engines.cuda.threads import BATCH, ThreadShape, index_type, thread_shape
from portanet.compiler.fusion.fused_group import reduced_values
from portanet.compiler.fusion.indexing import index_of_full, index_of_reduced
from portanet.compiler.fusion.operands import identity, levels, operands
from portanet.compiler.fusion.space import Space
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.graph.operations import REDUCERS


def emit(name: str, nodes: Sequence[Node], stored: Sequence[Value], space: Space) -> Kernel:
    """Return the kernel that computes `nodes` in order and stores `stored`."""
    return Writer(name, nodes, stored, space, thread_shape(space)).kernel()


@dataclass
class Writer:
    """Writes the source of one kernel."""

    name: str
    nodes: Sequence[Node]
    stored: Sequence[Value]
    space: Space
    shape: ThreadShape
    parameters: Parameters = field(default_factory=Parameters)
    n_names: int = 0
    body: list[str] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    loop: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inside = {id(v): node for node in self.nodes for v in node.outputs}
        self.reduced = reduced_values(self.nodes, self.space)
        self.sums = [node for node in self.nodes if node.op in REDUCERS]
        self.level = levels(self.nodes)
        values = (v for node in self.nodes for v in (*node.inputs, *node.outputs))
        self.index = index_type(self.space, values)
        self.of_body: dict[Any, str] = {}
        self.of_loop: dict[Any, str] = {}

    def kernel(self) -> Kernel:
        """Return the kernel."""
        full, reduced = self.outputs(reduced=False), self.outputs(reduced=True)
        last = max([self.level[id(v)] for v, _ in full] + [self._run_of(n) for n in self.sums])
        for run in range(last + 1):
            self.run([n for n in self.sums if self._run_of(n) == run], full if run == last else [])
        self.store_reduced(reduced)
        return self.written(last + 1)

    def written(self, n_loops: int = 1) -> Kernel:
        """Return the kernel with the lines that were written, so many loops among them."""
        waits = n_loops * -(-self.shape.rounds // BATCH)
        return kernel_of(self.name, self.parameters, self.body, self.shape, self.index, waits)

    def outputs(self, *, reduced: bool) -> list[tuple[Value, str]]:
        """Return the reduced or the full values that are stored, each with its pointer's name."""
        stored = [v for v in self.stored if (id(v) in self.reduced) == reduced]
        return [(v, self.parameters.pointer(v, const=False)) for v in stored]

    def _run_of(self, reduction: Node) -> int:
        return self.level[id(reduction.output)] - 1

    def run(self, reductions: list[Node], stores: list[tuple[Value, str]]) -> None:
        """Write one loop over the reduced index."""
        self.loads, self.loop, self.of_loop = [], [], {}
        for node in reductions:
            value, dtype = node.args[0], accumulator(node.output.dtype)
            self.accumulate(node, self._operand(value, value.shape, dtype, inside_loop=True))
        lines = []  # after all reads: an output may share its buffer with an input
        for value, out in stores:
            text = self._operand(value, value.shape, value.dtype, inside_loop=True)
            at = index_of_full(value, value.shape, self.space)
            lines.append(f"{self.guard()}{out}[{at}] = {text};")
        self.loop += lines
        self.end_loop()
        for node in reductions:
            self.combine(node)

    def end_loop(self) -> None:
        """Write the loop with what has been collected for it."""
        if self.space.n_reduced == 1:
            self.body += self.loop
        elif self.loop:
            self.body += loop(self.shape, self.index, self.loads, self.loop)

    def accumulate(self, node: Node, text: str) -> None:
        """Let each lane combine an element, of this text, with those before it."""
        self.n_names += 1
        name, out = f"partial{self.n_names}", node.output
        self.of_body["partial", id(out)] = name
        dtype = accumulator(out.dtype)
        start = literal(identity(node.op, dtype), dtype)
        self.body.append(f"{c_type(dtype)} {name} = {start};")
        self.loop.append(f"{name} = {COMBINE[node.op]}::of({name}, {text});")

    def combine(self, node: Node) -> None:
        """Combine the partial results of the lanes."""
        out, lanes = node.output, self.shape.lanes
        partial = self.of_body["partial", id(out)]
        lane = "lane" if lanes > 1 else "0"
        operation = f"{COMBINE[node.op]}, {lanes}, {self.shape.stride}"
        total = f"over_lanes<{operation}>({partial}, memory, {lane})" if lanes > 1 else partial
        self.of_body[id(out)] = self._name(self.body, self.dtype_of_total(out), total)

    def dtype_of_total(self, out: Value) -> Any:
        """Return the dtype in which a reduction's result goes on."""
        return out.dtype

    def store_reduced(self, stores: list[tuple[Value, str]]) -> None:
        """Store the reduced values."""
        lines = []
        for value, out in stores:
            text = self._operand(value, value.shape, value.dtype, inside_loop=False)
            at = index_of_reduced(value, value.shape, self.space)
            lines.append(f"{out}[{at}] = {text};")
        if lines and self.shape.lanes > 1:
            self.body.append("__syncthreads();  // all have read what may be written over now")
        self.body += [f"{self.guard(' && lane == 0')}{line}" for line in lines]

    def guard(self, more: str = "") -> str:
        """Return the condition under which a thread stores."""
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
            known[id(value)] = self._name(lines, value.dtype, self._compute(value, inside_loop))
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
        in_loop, key = inside_loop and "j" in index, (id(value), index)
        known = self.of_loop if in_loop else self.of_body
        if key not in known:
            text = f"{self.parameters.pointer(value)}[{index}]"
            own = value.dtype
            known[key] = self.load(own, text) if in_loop else self._name(self.body, own, text)
        return known[key]

    def load(self, dtype: Any, text: str) -> str:
        """Load an element in the loop; return its name."""
        self.n_names += 1
        self.loads.append(Load(f"v{self.n_names}", c_type(dtype), text))
        return self.loads[-1].name

    def _scalar(self, scalar: HostScalar, dtype: Any) -> str:
        key = (scalar.key, str(dtype))
        if key not in self.of_body:
            name = self.parameters.add((scalar, str(dtype)), dtype)
            self.of_body[key] = f"s{name}"
            self.body.append(f"const {c_type(dtype)} s{name} = *{name};")
        return self.of_body[key]

    def _name(self, lines: list[str], dtype: Any, text: str) -> str:
        self.n_names += 1
        name = f"v{self.n_names}"
        lines.append(f"const {c_type(dtype)} {name} = {text};")
        return name
