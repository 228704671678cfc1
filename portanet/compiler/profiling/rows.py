"""The lines of a plan as rows: what each does, where it came from, where its result lies."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from portanet.compiler.engines.base import Launch, Plan, PlanCall
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Graph, Node, Value


@dataclass(frozen=True)
class Row:
    """One line of a plan; or what a call of compiled code does, then `inside` names the call.

    line          the source text, or the name of a kernel or of a library's function
    operations    the operations in it, by the standard's names
    places        what they were written for, "layers.0.forward", in order
    shape         the result's (the last one's, where there are several)
    buffer        where that lies: "@128" is byte 128 of the arena, "flat:0" a home, "" unknown
    in_place      whether an argument lay there before
    read, written bytes: every array that is read, or is left in memory, once
    flops         multiplications and additions of the products of matrices, and convolutions, in it
    dtype         the result's
    launches      the kernels that it starts on a GPU, as far as the plan knows
    microseconds  the median; None where the time of `inside` has it
    share         of the time of all lines; None likewise
    estimate      microseconds on a GPU that was asked for, by estimate.py; None: none was
    """

    line: str
    operations: tuple[str, ...]
    places: tuple[str, ...]
    shape: tuple[int, ...] = ()
    buffer: str = ""
    in_place: bool = False
    read: int = 0
    written: int = 0
    flops: int = 0
    inside: str = ""
    microseconds: float | None = None
    share: float | None = None
    dtype: str = ""
    launches: tuple[Launch, ...] = ()
    estimate: float | None = None

    @property
    def gflops(self) -> float | None:
        """10⁹ operations of products a second; None without products, or without a time."""
        return self.flops / self.microseconds / 1e3 if self.flops and self.microseconds else None


@dataclass(frozen=True)
class Line:
    """A call that a plan makes, and the rows that show it; `run` is None if it is the only one."""

    run: Callable[[], Any] | None
    row: Row
    parts: tuple[Row, ...] = ()


def lines_of(plan: Plan) -> list[Line]:
    """Return what a plan does, in order."""
    rows = _Rows(plan)
    return [_line(call, rows) for call in plan.calls()]


def _line(call: PlanCall, rows: "_Rows") -> Line:
    if call.copied is not None:
        return Line(call.run, rows.copy(call.text, *call.copied))
    own = [rows.unit(call.text, unit) for unit in call.units]
    if len(own) > 1:
        return _compiled(call, own)
    return Line(call.run, replace(own[0], launches=call.launches))


def _compiled(call: PlanCall, parts: Sequence[Row]) -> Line:
    """Return a call of compiled code, with the rows of what happens in it."""
    inner = tuple(replace(part, line="", inside=call.text) for part in parts)
    row = Row(
        call.text,
        tuple(op for part in parts for op in part.operations),
        _once(place for part in parts for place in part.places),
        read=sum(part.read for part in parts),
        written=sum(part.written for part in parts),
        flops=sum(part.flops for part in parts),
    )
    return Line(call.run, row, inner)


class _Rows:
    """Makes rows without times."""

    def __init__(self, plan: Plan) -> None:
        self._layout = plan.layout
        self._sums = _sums_of_losses(plan.graph)

    def unit(self, text: str, unit: Unit) -> Row:
        """Return the row of an operation, or of several in one loop or kernel."""
        out = unit.outputs[-1]
        buffer = self._buffer(out)
        return Row(
            text,
            tuple(node.op for node in unit.nodes),
            _once(self._place(node) for node in unit.nodes),
            out.shape,
            buffer,
            bool(buffer) and buffer in map(self._buffer, unit.inputs),
            _n_bytes(unit.inputs),
            _n_bytes(unit.outputs),
            sum(map(_flops, unit.nodes)),
            dtype=str(out.dtype),
        )

    def copy(self, text: str, name: str, value: Value) -> Row:
        """Return the row of a state's copy to its home."""
        n = value.n_bytes
        place = (self._place(value.node),) if value.node is not None else ()
        return Row(text, ("copy",), place, value.shape, name, False, n, n)

    def _place(self, node: Node) -> str:
        return node.place or ("epoch.loss" if id(node) in self._sums else "optimizer.update")

    def _buffer(self, value: Value) -> str:
        root = value.root
        if root.kind == "state":
            return root.name
        if self._layout is None or id(root) not in self._layout.places:
            return ""
        block, offset = self._layout.places[id(root)]
        return block.home if block.home is not None else f"@{block.offset + offset}"


def _sums_of_losses(graph: Graph) -> set[int]:
    """Return the operations, by their ids, that add up losses for the epoch's mean."""
    found: set[int] = set()
    waiting = [value for name, value in graph.updates.items() if name.startswith("total:")]
    while waiting:
        node = waiting.pop().node
        if node is not None and not node.place and id(node) not in found:
            found.add(id(node))
            waiting += node.inputs
    return found


def _n_bytes(values: Sequence[Value]) -> int:
    """Return the bytes of some values, none of them twice; of no memory more than there is."""
    roots = {id(v.root): v.root for v in values}
    views: dict[int, dict[int, int]] = {key: {} for key in roots}
    for value in values:
        views[id(value.root)][id(value)] = value.n_bytes
    return sum(min(sum(views[key].values()), root.n_bytes) for key, root in roots.items())


def _flops(node: Node) -> int:
    """Return 2 m n k for a product of (m, k) and (k, n), times how many there are.

    A convolution and its gradients: two for each number of y and each of the weights it is made of.
    """
    if node.op == "matmul":
        return 2 * node.output.size * node.inputs[0].shape[-1]
    if node.op not in _CONVOLUTIONS:
        return node.flops
    y, w = _CONVOLUTIONS[node.op](node)
    return 2 * y.size * prod(w.shape[1:])


_CONVOLUTIONS: dict[str, Callable[[Node], tuple[Value, Value]]] = {  # (y or its gradient, w)
    "kernel:conv2d": lambda node: (node.output, node.inputs[1]),
    "kernel:conv2d_backward_w": lambda node: (node.inputs[0], node.output),
    "kernel:conv2d_backward_x": lambda node: (node.inputs[0], node.inputs[1]),
}


def _once(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
