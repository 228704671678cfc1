"""JaxPlan: a graph as one pure function, compiled by XLA.

JAX's arrays are immutable: the function returns the new states, which replace the homes. The memory
of the old arrays is not donated. Donation would save networks of some MB a few percent of the time,
but arrays that a user has kept would be deleted, and an interrupted step would destroy the states.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from portanet.backends._whole import Call, call_all
from portanet.compiler.engines.base import PlanCall
from portanet.compiler.fusion.units import single_units
from portanet.compiler.graph.graph import Graph, Value, replaced
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.half import is_half
from portanet.several import Arrays, arrays_of
from portanet.typing import Array


class JaxPlan:
    """A step as one compiled function.

    homes      where the states lie, by name: a replay replaces those that the step changes
    results    what the last replay has left, by the graph's names ("losses", "grad:…")
    n_samples  how many samples a batch has; 0 where they have weights

    XLA decides where its values lie: there is no layout, and no memory of the plan's own.
    """

    layout: None = None
    n_bytes = 0

    def __init__(self, graph: Graph, homes: dict[str, Array], backend: Any) -> None:
        self.graph, self.homes = graph, homes
        self.results: dict[str, Array] = {}
        self.n_samples = graph.n_samples
        updates = graph.updates.items()
        self._changed = [name for name, value in updates if value is not graph.states[name]]
        self._kept = [name for name in graph.states if name not in self._changed]
        self._scalars = graph.scalars()
        self._dtype = graph.results["losses"].dtype  # the model's
        self._xp = backend.xp
        self._batch: list[Array] = []
        self._hosts: list[np.ndarray] = []
        self._numbers = np.zeros(0)
        self._after: list[Call] = []
        half = any(is_half(value) for node in graph.nodes for value in node.outputs)
        self._step = backend.compile(self._run, half=half)
        # not in the step's own function: XLA would fuse it there, and a batch that is gathered
        # would give other bits than the same batch as it comes to a step that is verified
        self._gather = backend.compile(self._gathered)

    def finally_call(self, calls: Iterable[Call]) -> None:
        """Let replays make these C-level calls right after the states are replaced."""
        self._after = list(calls)

    def load(self, x: Arrays, y: Arrays) -> None:
        """Let the next replay take this batch."""
        self._batch = arrays_of(x, y)

    def gather(self, batch: Any) -> None:
        """Gather the batch of the next replay, unless it is whole already."""
        if batch.order is None and batch.part == slice(None):
            self.load(batch.X, batch.y)
            return
        data = arrays_of(batch.X, batch.y)
        self._batch = self._gather(data, batch.part.start, batch.order)

    def set_numbers(self, numbers: Any, drawn: Sequence[Any]) -> None:
        """Set the numbers of the next step, computed in double precision, and its draws."""
        self._numbers = np.asarray([s.read(numbers) for s in self._scalars], self._dtype)
        hosts = zip(self.graph.hosts, drawn, strict=True)
        self._hosts = [np.asarray(draw, value.dtype) for (value, _), draw in hosts]

    def replay(self) -> None:
        """Take the step: replace the homes and the results."""
        homes = self.homes
        states, results = self._step(
            [homes[name] for name in self._changed], [homes[name] for name in self._kept],
            self._batch, self._hosts, self._numbers,
        )  # fmt: skip
        new_states = dict(zip(self._changed, states, strict=True))
        new_results = dict(zip(self.graph.results, results, strict=True))
        commit = [partial(homes.update, new_states), partial(self.results.update, new_results)]
        call_all(iter([*commit, *self._after]))

    def losses(self) -> Array:
        """Return the losses of the last replay."""
        return self.results["losses"]

    def calls(self) -> list[PlanCall]:
        """Return the one call."""
        return [PlanCall("jit(step)", single_units(self.graph))]

    def _run(
        self,
        changed: list[Array],
        kept: list[Array],
        batch: list[Array],
        hosts: Any,
        numbers: Array,
    ) -> tuple[list[Array], list[Array]]:
        """Return the new states and the results: the function that JAX compiles."""
        graph = self.graph
        entering = [*graph.inputs.values(), *(value for value, _ in graph.hosts)]
        entering += [graph.states[name] for name in self._changed + self._kept]
        arrays = [*batch, *hosts, *changed, *kept]
        known = {id(value): array for value, array in zip(entering, arrays, strict=True)}
        known |= {s.key: number for s, number in zip(self._scalars, numbers, strict=True)}

        def concrete(item: Any) -> Any:
            if isinstance(item, HostScalar):
                return known[item.key]
            return item.array if item.kind == "constant" else known[id(item)]

        for node in graph.nodes:
            args, options = replaced((node.args, node.options), concrete, (Value, HostScalar))
            made = _arrays(node.function(*args, **options))
            known |= {id(v): array for v, array in zip(node.outputs, made, strict=True)}
        states = [concrete(graph.updates[name]) for name in self._changed]
        return states, [concrete(value) for value in graph.results.values()]

    def _gathered(self, data: list[Array], start: Any, order: Array | None) -> list[Array]:
        """Return the batch of a data set that begins at `start`."""
        xp = self._xp
        rows = start + xp.arange(next(iter(self.graph.inputs.values())).shape[0])
        if order is not None:
            rows = xp.take(order, rows, axis=0)
        return [xp.take(array, rows, axis=0) for array in data]


def _arrays(result: Any) -> Iterator[Array]:
    """Yield the arrays of a result, in the order in which the tape records them."""
    if isinstance(result, list | tuple):
        for part in result:
            yield from _arrays(part)
    elif hasattr(result, "shape"):
        yield result
