"""CupyPlan: a graph as CUDA kernels and cuBLAS calls, replayed as one CUDA graph.

Element-wise operations and reductions are fused into generated kernels, matrix products are cuBLAS
calls, and all of them write to memory that is planned once. What changes from step to step is sent
in one small copy. The launches are captured into a CUDA graph; if one cannot be captured (a library
function that synchronizes, say) they are made one by one.

An interrupted replay leaves the states of before or after the step, except for the first replay of
a plan: that one compiles kernels, which is Python code that can be interrupted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import setitem
from typing import Any

import numpy as np

from portanet.backends._cupy.device import CurrentDevice
from portanet.backends._cupy.gather import gather
from portanet.backends._cupy.graph import Replay
from portanet.backends._cupy.inputs import Layout as Field
from portanet.backends._cupy.inputs import StepInputs
from portanet.backends._cupy.memory import PrivateMemory
from portanet.compiler.engines.base import PlanCall
from portanet.compiler.engines.cuda.calls import (
    Call,
    Calls,
    copy,
    kernels_of,
    partials_of,
    runs_in_c,
    scalar_dtype,
    writes_any_order,
)
from portanet.compiler.engines.cuda.kernel import Kernel, Partials
from portanet.compiler.engines.cuda.units import cuda_units
from portanet.compiler.fusion.units import single_units
from portanet.compiler.graph.graph import Graph, scalars_in
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.graph.lower import lower
from portanet.compiler.memory.arena import lay_out
from portanet.compiler.memory.arrays import PlanArrays
from portanet.compiler.memory.reshapes import make_reshapes_views
from portanet.compiler.memory.strides import settle_strides
from portanet.several import Arrays, arrays_of, n_samples
from portanet.typing import Array, Namespace


class CupyPlan:
    """A step's kernels and products in order, with their arguments bound.

    results  arrays of the results, by the graph's names ("losses", "grad:…")
    homes    arrays of the states, by name: shared by all plans of a model
    source   the CUDA source of the kernels
    """

    def __init__(
        self, graph: Graph, homes: Mapping[str, Array], xp: Namespace, *, fuse: bool = True
    ) -> None:
        lower(graph, xp)
        self.graph, self.homes, self.memory = graph, homes, PrivateMemory()
        self._device = CurrentDevice()
        settle_strides(graph, homes, xp.empty)
        if fuse:
            make_reshapes_views(graph, writes_any_order)
        self.units = cuda_units(graph) if fuse else single_units(graph)
        kernels, in_c = kernels_of(self.units), partial(runs_in_c, own_products=fuse)
        partials = partial(partials_of, kernels)
        self.layout = lay_out(graph, self.units, graph.inputs.values(), in_c, partials)
        self.arena = self.memory.empty((self.layout.n_bytes,), "uint8")
        self._arrays = PlanArrays(self.layout, self.arena, homes, xp.may_share_memory)
        self._make_record(kernels)
        self.inputs = {name: self.find(value) for name, value in graph.inputs.items()}
        self.results = {name: self.find(value) for name, value in graph.results.items()}
        self.n_samples = graph.n_samples
        self._make_calls(kernels, fuse)
        self._after: list[Call] = []
        self._loaded = self._replay = self._replay_of(self._calls)
        self._gathered: Any = None
        self._data = self._order = self._order_seen = None
        self._position = 0

    def _make_calls(self, kernels: dict[int, list[Kernel]], fuse: bool) -> None:
        """Make the calls of all units: those before the first that writes a home, and the rest."""
        calls = Calls(kernels, self.find, self.memory, self.layout.written, own_products=fuse)
        self.source, self._stream, copies = calls.source, calls.stream, self.layout.copies
        self._units = [(u, calls.text(u), list(calls.of(u)), calls.launches(u)) for u in self.units]
        self._copies = [partial(setitem, self.homes[n], ..., self.find(v)) for n, v in copies]
        commit = self.layout.commit
        self._calls = [call for _, _, own, _ in self._units[:commit] for call in own]
        last = (call for _, _, own, _ in self._units[commit:] for call in own)
        self._commit = [*last, *self._copies]

    def _replay_of(self, calls: Sequence[Call]) -> Replay:
        return Replay(calls, self._commit, self._after, self._stream)

    def load(self, x: Arrays, y: Arrays) -> None:
        """Copy a batch into the plan's inputs, unless it is there."""
        self._device.check()
        self._replay = self._loaded
        pairs = zip(self.inputs.values(), arrays_of(x, y), strict=True)
        for own, array in (pair for pair in pairs if pair[0] is not pair[1]):
            copy(own, array)

    def gather(self, batch: Any) -> None:
        """Let the replay gather a batch of resident data into the plan's inputs."""
        if batch.order is None and batch.part == slice(None):  # a batch that was sent from the host
            self.load(batch.X, batch.y)
            return
        self._device.check()
        self._follow(batch)
        self._position = batch.part.indices(n_samples(batch.X))[0]
        self._replay = self._gathered

    def _follow(self, batch: Any) -> None:
        """Prepare for gathering from these data, in this order, if they are new."""
        data = (id(batch.X), id(batch.y), batch.order is None)
        if self._data != data:
            kept = None if batch.order is None else self.memory.empty(batch.order.shape, "int64")
            self._order_seen, self._order = None, kept
            given, place = arrays_of(batch.X, batch.y), self._record["position"]
            call = gather(given, self._order, place, list(self.inputs.values()))
            self._gathered, self._data = self._replay_of([call, *self._calls]), data
            self._kept = (batch.X, batch.y)  # keeps their ids from being reused
        if batch.order is not self._order_seen:
            copy(self._order, batch.order)
            self._order_seen = batch.order

    def set_numbers(self, numbers: Any, drawn: Sequence[Any]) -> None:
        """Send the numbers and draws of a step: one copy, or none."""
        values: dict[str, Any] = {n: s.read(numbers) for n, s in self._scalars.items()}
        for i, (draw, (value, _)) in enumerate(zip(drawn, self.graph.hosts, strict=True)):
            values[f"host {i}"] = np.asarray(draw, value.dtype)
        self._record.send(values | {"position": self._position})

    def replay(self) -> None:
        """Launch the step."""
        self._replay.replay()

    def finally_call(self, calls: Iterable[Call]) -> None:
        """Let replays make these C-level calls right after the states are written."""
        self._after[:] = calls

    def losses(self) -> Array:
        """Return the losses of the last replay."""
        return self.results["losses"].copy()

    def calls(self) -> list[PlanCall]:
        """Return the launches of each unit, and the copies of states."""
        found = [
            PlanCall(text, [unit], run=lambda own=own: [call() for call in own], launches=launches)
            for unit, text, own, launches in self._units
            if own  # nothing is left of a concatenation whose inputs are in place
        ]
        return found + [
            PlanCall("copy", [], copied, copy)
            for copied, copy in zip(self.layout.copies, self._copies, strict=True)
        ]

    @property
    def not_captured(self) -> str | None:
        """Why the launches are made one by one; None if they are a graph, or not tried yet."""
        return self._replay.refused

    @property
    def n_bytes(self) -> int:
        """The size of the plan's own memory."""
        return self.memory.bytes

    def find(self, thing: Any) -> Array:
        """Return the array of a value, of partial results, or of a number, (HostScalar, dtype)."""
        if isinstance(thing, tuple):
            return self._record[self._names[thing[0].key, thing[1]]]
        if isinstance(thing, Partials):
            return self._arrays.temporary(thing)
        return self._arrays.find(thing)

    def _make_record(self, kernels: dict[int, list[Kernel]]) -> None:
        """Make the record of what is sent: numbers, draws and the position of the batch."""
        self._names: dict[Any, str] = {}
        self._scalars: dict[str, HostScalar] = {}
        fields: dict[str, Field] = {"position": ((), "int64")}
        found = {(scalar.key, dtype): scalar for scalar, dtype in self._scalars_of(kernels)}
        for i, ((key, dtype), scalar) in enumerate(found.items()):
            name = self._names[key, dtype] = f"scalar {i}"
            self._scalars[name], fields[name] = scalar, ((), dtype)
        hosts = {f"host {i}": value for i, (value, _) in enumerate(self.graph.hosts)}
        fields |= {name: (value.shape, str(value.dtype)) for name, value in hosts.items()}
        self._record = StepInputs(fields, self.memory)
        for name, value in hosts.items():
            self._arrays.put(value, self._record[name])

    def _scalars_of(self, kernels: dict[int, list[Kernel]]) -> Iterator[tuple[HostScalar, str]]:
        for kernel in (k for of_unit in kernels.values() for k in of_unit):
            yield from (a for a in kernel.arguments if isinstance(a, tuple))
        for unit in self.units:
            node = unit.single
            if node is not None:
                yield from ((s, scalar_dtype(node)) for s in scalars_in((node.args, node.options)))
