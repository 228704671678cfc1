"""The interfaces of engines, which make plans for one backend, and of plans."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from portanet.backends._whole import Call
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Graph, Value
from portanet.compiler.memory.arena import Layout
from portanet.several import Arrays
from portanet.typing import Array

Made = TypeVar("Made")


@dataclass(frozen=True)
class Launch:
    """One kernel on a GPU.

    blocks, threads  how many blocks, and how many threads each of them has
    waits            how often each thread asks for elements and waits for them
    """

    blocks: int
    threads: int
    waits: int = 1


@dataclass(frozen=True)
class PlanCall:
    """One call of a replay, for profiles.

    text      its source, or the names of kernels
    units     the units that it computes, in order; () if it copies a state to its home
    copied    then the name of the state, and the value that is copied
    run       makes the call; None if a plan is one pure function
    launches  the kernels that it starts on a GPU; () if a library decides that
    """

    text: str
    units: Sequence[Unit]
    copied: tuple[str, Value] | None = None
    run: Callable[[], Any] | None = None
    launches: tuple[Launch, ...] = ()


class Plan(Protocol):
    """A graph made executable: each `replay` takes one step.

    graph      the operations of the step
    homes      arrays of the states, by name: shared by all plans of a model
    results    results of the last replay, by the graph's names ("losses", "grad:…")
    n_samples  the number of samples in a batch; 0 if samples have weights
    """

    graph: Graph
    homes: Any
    results: dict[str, Array]
    n_samples: int

    @property
    def layout(self) -> Layout | None:
        """The memory layout of the values; None if the backend's compiler plans memory."""
        ...

    @property
    def n_bytes(self) -> int:
        """The size of the plan's own memory; 0 if the backend's compiler plans memory."""
        ...

    def load(self, x: Arrays, y: Arrays) -> None:
        """Set the batch of the next replay."""
        ...

    def gather(self, batch: Any) -> None:
        """Set the batch of the next replay, to be gathered from a resident data set."""
        ...

    def set_numbers(self, numbers: Sequence[dict[str, float]], drawn: Sequence[Any]) -> None:
        """Set the numbers of the next step, a dict for each group of parameters, and its draws."""
        ...

    def finally_call(self, calls: Iterable[Call]) -> None:
        """Let replays make these C-level calls right after the states are written.

        A replay writes all states and makes all of these calls, or does neither, even if it is
        interrupted (KeyboardInterrupt) at any Python bytecode.
        """
        ...

    def replay(self) -> None:
        """Take the step."""
        ...

    def losses(self) -> Array:
        """Return the losses of the last replay, in an array that later replays do not change."""
        ...

    def calls(self) -> list[PlanCall]:
        """Return the calls of a replay, in order."""
        ...


class Engine:
    """Makes plans for one backend.

    replaces  arrays are immutable: a step replaces the states' arrays
    reads     homes may be the user's own arrays, which a plan reads without a copy
    """

    replaces = False
    reads = False

    def new(self, array: Array) -> Array:
        """Return a copy of an array in memory of its own."""
        raise NotImplementedError

    def copy(self, target: Array, source: Array) -> None:
        """Copy an array into the memory of another; not called if `replaces`."""
        raise NotImplementedError

    def same_memory(self, a: Array, b: Array) -> bool:
        """Return whether two arrays share memory."""
        raise NotImplementedError

    def plan(self, graph: Graph, homes: dict[str, Array], step: int = 0) -> Plan:
        """Return the plan of a graph that is in use at a step of training."""
        raise NotImplementedError

    def beside(self, plan: Any, work: Callable[[], Made]) -> Made:  # noqa: ARG002
        """Return work(), which takes a step of the code as it is written beside one of a plan."""
        return work()

    def faster_from(self, graph: Graph) -> int | None:  # noqa: ARG002 - what one may depend on
        """Return the step from which a faster plan of a graph is in use; None: never.

        It depends on the graph alone, so that a run that is resumed decides alike.
        """
        return None

    def savings(self, graph: Graph) -> Any:  # noqa: ARG002
        """Return what says when a faster plan with the same bits is due; None: there is none."""
        return None

    def agree(self, graph: Graph) -> None:
        """Let all ranks take a faster plan into use at the same step: the latest of theirs."""

    def faster(self, plan: Any) -> Plan:
        """Return the faster plan of a plan's graph; called only if there is one."""
        raise NotImplementedError
