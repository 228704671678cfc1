"""Faster: when a plan is replaced by a faster one of the same graph, and how that is made."""

from typing import Any

from portanet.compiler.graph.collector import without_collector
from portanet.compiler.graph.graph import Graph
from portanet.compiler.runtime.refusal import warn_rejected
from portanet.compiler.runtime.together import same_on_all_ranks
from portanet.optimizer import Optimizer


class Faster:
    """An engine's faster plan of a graph, which is yet to come.

    It is due from a step on (`faster_from`), or where the bits stay the same once it has paid
    (`savings`); see engines/base.py. `first` is that step, None where there is none.
    """

    def __init__(self, engine: Any, graph: Graph, optimizer: Optimizer) -> None:
        first = engine.faster_from(graph)
        self._engine, self._optimizer = engine, optimizer
        self.first = None if first is None or first <= optimizer.n_steps + 1 else first
        self._savings = engine.savings(graph)
        self.keeps_bits = self._savings is not None

    def steps_left(self, most: int) -> int:
        """Return how many steps there are before the one at which to look, `most` at most."""
        if self.first is None:
            return most
        return max(0, min(most, self.first - self._optimizer.n_steps - 1))

    def is_due(self, n_replays: int, n_to_come: int, *, verified: bool) -> bool:
        """Return whether it is to be made before the step to come."""
        if self._savings is not None:
            return verified and self._savings.is_due(n_replays, n_to_come)
        return self.first is not None and self._optimizer.n_steps + 1 >= self.first

    @without_collector()
    def made(self, plan: Any) -> Any:
        """Make the faster plan; return None, and warn, if it cannot be made. It is tried once."""
        self.first = self._savings = None
        try:
            faster, why = self._engine.faster(plan), ""
        except Exception as error:  # noqa: BLE001 - there is a plan that works
            faster, why = None, f"{type(error).__name__}: {error}"
        faster, why = same_on_all_ranks(faster, why)
        if faster is None:
            warn_rejected(str(why))
        return faster
