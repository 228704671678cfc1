"""NumpyPlan: a graph as a function of straight-line NumPy calls on preallocated arrays."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import call
from typing import Any

import numpy as np

from portanet.backends._whole import Call, call_all, forget
from portanet.compiler.engines.base import PlanCall
from portanet.compiler.engines.numpy.emit import NumpySource
from portanet.compiler.engines.numpy.forms import runs_in_c
from portanet.compiler.fusion.units import Unit, single_units
from portanet.compiler.graph.graph import Graph, Node
from portanet.compiler.graph.lower import lower
from portanet.compiler.memory.arena import lay_out
from portanet.compiler.memory.arrays import PlanArrays
from portanet.compiler.memory.packing import ALIGNMENT
from portanet.compiler.memory.strides import settle_strides
from portanet.several import Arrays, arrays_of

Line = tuple[str, list[Node]]

# the body of call_all, inlined to save a call
_COMMIT = """\
    calls = iter(commit)
    try:
        forget(map(call, calls))
    except BaseException:
        call_all(calls)
        raise
"""


class NumpyPlan:
    """A step's operations in order, each with its arguments and its output array.

    results  arrays of the results, by the graph's names ("losses", "grad:…")
    homes    arrays of the states, by name: shared by all plans of a model
    lines    the source lines, each with its operations; from `n_before` on, they write homes
    source   the Python source of `replay` and of the calls that it makes without interruption
    """

    compiled, same_bits, shares = False, True, False

    def __init__(self, graph: Graph, homes: Mapping[str, np.ndarray], xp: Any) -> None:
        lower(graph, xp)
        self.graph, self.homes = graph, homes
        settle_strides(graph, homes, np.empty)
        entering = [*graph.inputs.values(), *(value for value, _ in graph.hosts)]
        self.units = self.make_units()
        self.layout = lay_out(graph, self.units, entering, self.runs_in_c)
        self.arena = _aligned(self.layout.n_bytes)
        self.find = PlanArrays(self.layout, self.arena, homes, np.may_share_memory).find
        self.inputs = {name: self.find(value) for name, value in graph.inputs.items()}
        self._batch: Any = self.inputs.get("x"), self.inputs.get("y")
        if self.inputs.keys() - {"x", "y"}:  # of several arrays
            self.load, self.gather = self._load_all, self._gather_all
        self.results = {name: self.find(value) for name, value in graph.results.items()}
        self.hosts = [self.find(value) for value, _ in graph.hosts]
        self.n_samples = graph.n_samples
        self.writer = NumpySource(self.find, self.layout.written)
        self.lines = self.make_lines()
        self.scalars = self.writer.scalars
        self.n_before = self._n_before()
        self._compile_source()

    def _compile_source(self) -> None:
        self.source = self._replay_text()
        names = {"partial": partial, "call": call, "call_all": call_all, "forget": forget}
        names |= self.writer.names
        exec(compile(self.source, "<portanet plan>", "exec"), names)
        self.replay, self._commit = names["replay"], names["commit"]

    def finally_call(self, calls: Iterable[Call]) -> None:
        """Let replays make these C-level calls right after the states are written."""
        self._commit[len(self.lines) - self.n_before :] = calls

    def make_units(self) -> list[Unit]:
        """Return the units of the plan, in order."""
        return single_units(self.graph)

    def runs_in_c(self, unit: Unit) -> bool:
        """Return whether a unit runs without Python bytecode."""
        return unit.single is None or runs_in_c(unit.single)

    def make_lines(self) -> list[Line]:
        """Return the source lines, each with its operations."""
        lines = [line for unit in self.units for line in self.unit_lines(unit)]
        return lines + self.last_lines()

    def unit_lines(self, unit: Unit) -> list[Line]:
        """Return the lines of a unit of one operation."""
        return [(line, unit.nodes) for line, _ in self.writer.lines(unit.nodes)]

    def last_lines(self) -> list[Line]:
        """Return the lines that copy states to their homes."""
        copies = self.layout.copies
        return [(self.writer.copy(self.homes[n], self.find(v)), []) for n, v in copies]

    def load(self, x: np.ndarray, y: np.ndarray) -> None:
        """Copy a batch into the plan's inputs, unless it is there."""
        own_x, own_y = self._batch
        if own_x is not x:
            own_x[...] = x  # in half the time of copyto
        if own_y is not y:
            own_y[...] = y

    def _load_all(self, x: Arrays, y: Arrays) -> None:
        for own, given in zip(self.inputs.values(), arrays_of(x, y), strict=True):
            own[...] = given

    def _gather_all(self, batch: Any) -> None:
        if batch.order is None:
            self._load_all(*batch.gathered())
            return
        rows = batch.order[batch.part]
        data = arrays_of(batch.X, batch.y)
        for own, given in zip(self.inputs.values(), data, strict=True):
            given.take(rows, 0, own, "clip")

    def gather(self, batch: Any) -> None:
        """Gather a batch of a data set into the plan's inputs."""
        if batch.order is None:
            self.load(batch.X[batch.part], batch.y[batch.part])
            return
        rows = batch.order[batch.part]
        # the order is a permutation: no index is out of range, and "clip" needs no second buffer
        batch.X.take(rows, 0, self.inputs["x"], "clip")
        batch.y.take(rows, 0, self.inputs["y"], "clip")

    def set_numbers(self, numbers: Any, drawn: Sequence[Any]) -> None:
        """Set the numbers and draws of the next step."""
        for scalar, array in self.scalars:
            array.fill(scalar.read(numbers))
        if drawn:
            for target, draw in zip(self.hosts, drawn, strict=True):
                np.copyto(target, draw)

    def losses(self) -> np.ndarray:
        """Return the losses of the last replay."""
        return self.results["losses"].copy()

    def calls(self) -> list[PlanCall]:
        """Return a call for the lines of each operation."""
        copies, found = iter(self.layout.copies), []
        units = {id(node): unit for unit in self.units for node in unit.nodes}
        for _, group in groupby(self.lines, key=lambda line: id(line[1])):
            lines = list(group)
            inside = list({id(units[id(n)]): units[id(n)] for n in lines[0][1]}.values())
            texts = [text for text, _ in lines]
            copied = None if inside else next(copies)
            found.append(PlanCall("; ".join(texts), inside, copied, self._function(texts)))
        return found

    def _function(self, texts: list[str]) -> Callable[[], None]:
        names = dict(self.writer.names)
        exec("def run():\n" + "".join(f"    {text}\n" for text in texts), names)
        return names["run"]

    def _n_before(self) -> int:
        """Return the number of lines before the first that writes a home."""
        late = {id(node) for unit in self.units[self.layout.commit :] for node in unit.nodes}
        writes = (
            i for i, (_, nodes) in enumerate(self.lines) if not nodes or id(nodes[-1]) in late
        )
        return next(writes, len(self.lines))

    def _replay_text(self) -> str:
        """Return the source: "name(args)" for the lines before, else "partial(name, args)"."""
        before = [f"    {line}\n" for line, _ in self.lines[: self.n_before]]
        commit = [f"    partial({_parts(line)}),\n" for line, _ in self.lines[self.n_before :]]
        replay = "".join(["def replay():\n", *before, _COMMIT])
        return "".join([replay, "\ncommit = [\n", *commit, "]\n"])

    @property
    def n_bytes(self) -> int:
        """The size of the plan's own memory."""
        return self.arena.nbytes


def _parts(line: str) -> str:
    """Return a call's function and arguments, "f, x, y" of "f(x, y)"."""
    name, _, arguments = line.partition("(")
    return f"{name}, {arguments.removesuffix(')')}"


def _aligned(n_bytes: int) -> np.ndarray:
    memory = np.empty(n_bytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + n_bytes]
