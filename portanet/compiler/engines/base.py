"""What an engine is, which makes plans and keeps arrays on one backend; and what a plan is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from portanet.backends._whole import Call
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Graph, Value
from portanet.compiler.memory.arena import Layout
from portanet.typing import Array


@dataclass(frozen=True)
class PlanCall:
    """One call that a replay makes, for people who look at a plan.

    text    how it is written, or the names of kernels
    units   what it does, in order; nothing where it copies a state to its home
    copied  then the state's name, and the value that is copied
    run     makes the call alone; None where there is but one call and it returns what it makes
    """

    text: str
    units: Sequence[Unit]
    copied: tuple[str, Value] | None = None
    run: Callable[[], Any] | None = None


class Plan(Protocol):
    """A graph made into calls that do a step, as often as it is replayed.

    graph      what it does
    homes      the memory of the states, by name: shared by all plans of a model
    results    what the last replay has left, by the graph's names ("losses", "grad:…")
    n_samples  how many samples a batch has; 0 where they have weights
    """

    graph: Graph
    homes: Any
    results: dict[str, Array]
    n_samples: int

    @property
    def layout(self) -> Layout | None:
        """Where the values lie; None where the library that replays decides that."""
        ...

    @property
    def n_bytes(self) -> int:
        """What the plan's own memory takes; 0 where the library that replays decides that."""
        ...

    def load(self, x: Array, y: Array) -> None:
        """Let the next replay take a batch."""
        ...

    def gather(self, batch: Any) -> None:
        """Let the next replay take a batch of a data set, gathered where the data lie."""
        ...

    def set_numbers(self, numbers: Sequence[dict[str, float]], drawn: Sequence[Any]) -> None:
        """Set the numbers of the next step, one dict for each group, and what it has drawn."""
        ...

    def finally_call(self, calls: Iterable[Call]) -> None:
        """Let replays make calls of functions in C, too, once they have written the states.

        They are made if and only if the states are those after the step, however a replay is
        interrupted: a replay writes all states and makes these calls, or does neither.
        """
        ...

    def replay(self) -> None:
        """Take the step."""
        ...

    def losses(self) -> Array:
        """Return the losses of the last replay, an array that no replay writes to."""
        ...

    def calls(self) -> list[PlanCall]:
        """Return what a replay does, call by call."""
        ...


class Engine:
    """Makes plans of graphs for one backend.

    `replaces`: arrays are immutable, so a step puts new ones where the states were.
    `reads`: states may be arrays of others, which a plan reads where they lie.
    """

    replaces = False
    reads = False

    def new(self, array: Array) -> Array:
        """Return memory of the plan's own with an array's numbers."""
        raise NotImplementedError

    def copy(self, target: Array, source: Array) -> None:
        """Write an array's numbers into memory of the plan's own; not called if it replaces."""
        raise NotImplementedError

    def same_memory(self, a: Array, b: Array) -> bool:
        """Return whether two arrays show the same memory."""
        raise NotImplementedError

    def plan(self, graph: Graph, homes: dict[str, Array]) -> Plan:
        """Return a plan of a graph."""
        raise NotImplementedError

    def faster(self, plan: Any) -> Plan | None:  # noqa: ARG002 - what one can be made faster
        """Return a faster plan of the same graph, if there is one and it has begun to pay."""
        return None
