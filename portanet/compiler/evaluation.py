"""CompiledEvaluation: the forward passes over a whole data set, traced once and replayed.

What small networks lose on a validation set is Python's time between operations, as in a step. Here
all batches are one graph; it changes nothing, so there is nothing to put back.
"""

from typing import Any

from portanet.compiler.engines.registry import engine_for
from portanet.compiler.guards.guards import Guards, draw_counts
from portanet.compiler.options import Fast
from portanet.compiler.runtime.checked_plan import is_verified_at
from portanet.compiler.traced_pass import holders_of, trace_pass
from portanet.compiler.tracing.layout import in_c_order
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.verification.evaluation_check import EvaluationCheck, results_of
from portanet.data import Batches
from portanet.data.lazy_batch import Batch
from portanet.metrics.measured import Measured
from portanet.sequential import Sequential
from portanet.several import Arrays, by_name, map_parts, put_back
from portanet.typing import Array

MAX_BATCHES = 16  # more of them cost more than what is lost between them
_EXPECTED = 32  # replays: a rule decides by it whether compiling pays
_MAX_VAIN = 3  # plans in a row that were not used again


class CompiledEvaluation:
    """Returns {"loss": …, "weight": …, "predictions:metric": …} of all batches of a loader; None
    where that is to be computed as it is written. `refused` says why.

    Metrics of portanet's own are among them by their names, such as "metric"; others may do more
    than compute, and get predictions that are a copy.
    """  # noqa: D205

    def __init__(self, model: Sequential, metrics: dict[str, Measured], fast: Fast = None) -> None:
        self.model, self.metrics = model, metrics
        self.fast: Fast = fast
        self.refused: str | None = None
        self._plan: Any = None
        self._n_replays, self._n_vain = 0, 0

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "metrics": self.metrics, "fast": self.fast}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def __call__(self, batches: Batches) -> dict[str, Array] | None:
        """Return the results, if there is a plan for these batches that holds."""
        if self.refused is not None or not _fits(batches):
            return None
        if self._plan is None or not self._holds(batches):
            return self._made(batches)
        self._n_replays, self._n_vain = self._n_replays + 1, 0
        self._plan.replay()
        if is_verified_at(self._n_replays + 1):
            self._verify(self._plan, None)
        return self._found()

    def _holds(self, batches: Batches) -> bool:
        if batches.X is not self._data[0] or batches.y is not self._data[1]:
            return False
        if batches.loader.slices() != self._slices:
            return False
        if any(holder.peek() is not array for holder, array in self._held):
            return False
        return self._guards.unchanged() or self._guards.broken() is None

    def _made(self, batches: Batches) -> dict[str, Array] | None:
        """Make a plan, and return its first results once they have been found right."""
        self._n_vain += 1
        if self._n_vain > _MAX_VAIN:
            self.refused = "the model's values are others each time"
            return None
        self._engine: Any = engine_for(self.model.backend, fast=self.fast)
        if self._engine is None or not self._engine.reads:
            return None
        self._held = holders_of(self.model)
        if any(in_c_order(array) is not array for _, array in self._held):
            return None
        self._data, self._slices = (batches.X, batches.y), batches.loader.slices()
        try:
            tape = self._traced(batches)
            self._guards = Guards({"": self.model}, draw_counts(self.model))
            self._plan = self._engine.plan(tape.graph, tape.states, _EXPECTED)
            self._plan.replay()
        except Exception as error:  # noqa: BLE001 - the readable passes decide what is an error
            self.refused = str(error) or type(error).__name__
            return None
        self._n_replays = 0
        self._verify(self._plan, {n: a for n, a in tape.results.items() if n != "loss"})
        return None if self.refused else self._found()

    def _found(self) -> dict[str, Array] | None:
        """Return the results; what a user's metric may keep is a copy."""
        if self.refused is not None:
            return None
        found = dict(self._plan.results)
        others = [f"predictions:{name}" for name, one in self.metrics.items() if not one.is_own]
        for name, array in found.items():
            if any(name == other or name.startswith(f"{other}.") for other in others):
                found[name] = self._engine.new(array)
        return found

    def _verify(self, plan: Any, readable: dict[str, Array] | None) -> None:
        """Compare a plan's results with the readable ones (None: computed now), or refuse."""
        check = EvaluationCheck(self.model, self.metrics, self._batches_now())
        why = check.difference(plan.results, readable)
        if why is not None:
            self.refused = f"verification failed: {why}"

    def _batches_now(self) -> list[Batch]:
        return [_parts(self._data, part) for part in self._slices]

    def _traced(self, batches: Batches) -> Tape:
        """Trace the passes. Raises TraceError if they change the model or draw numbers."""
        tape = Tape(batches.backend, self._engine.same_memory)
        data = (_state(tape, "data:X", batches.X), _state(tape, "data:y", batches.y))

        def compute() -> dict[str, Any]:
            parts = [_parts(data, part) for part in self._slices]
            results = results_of(self.model, self.metrics, parts, tape.namespace)
            return results | {"loss": tape.namespace.sum(results["losses"])}

        trace_pass(self.model, tape, self._held, compute)
        return tape


def _state(tape: Tape, name: str, data: Arrays) -> Any:
    states = {key: tape.state(key, array) for key, array in by_name(name, data).items()}
    return put_back(name, data, states)


def _parts(data: Batch, part: slice) -> Batch:
    return tuple(map_parts(lambda array: array[part], of) for of in data)


def _fits(batches: Batches) -> bool:
    return batches.resident and len(batches) <= MAX_BATCHES
