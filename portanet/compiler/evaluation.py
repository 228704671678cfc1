"""CompiledEvaluation: the forward passes over a whole data set, traced once and replayed.

What small networks lose on a validation set is Python's time between operations, as in a step. Here
all batches are one graph; it changes nothing, so there is nothing to put back.
"""

from collections.abc import Callable
from typing import Any

from portanet.changes import Watched
from portanet.checks import skip_value_checks
from portanet.compiler.engines.registry import engine_for
from portanet.compiler.graph.graph import without_dead, without_repetition
from portanet.compiler.runtime.guards import attributes, containers
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.verification.compare import first_difference
from portanet.data import Batches
from portanet.layer import Sequential
from portanet.typing import Array

Metric = Callable[[Array, Array], Array]

MAX_BATCHES = 16  # more of them cost more than what is lost between them
_LOOK_EVERY = 64  # replays
_MAX_VAIN = 3  # plans in a row that were not used again


class CompiledEvaluation:
    """Returns {"loss": …, "weight": …, "predictions": …} of all batches of a loader that does not
    shuffle; None where that is to be computed as it is written. `refused` says why.

    A metric of portanet's own is among them, as "metric"; others may do more than compute.
    """  # noqa: D205

    def __init__(self, model: Sequential, metric: Metric | None = None) -> None:
        self.model, self.metric = model, metric
        self.refused: str | None = None
        self._plan: Any = None
        self._n_left, self._n_vain = 0, 0

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "metric": self.metric}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def __call__(self, batches: Batches) -> dict[str, Array] | None:
        """Return the results, if there is a plan for these batches that holds."""
        if self.refused is not None or not _fits(batches):
            return None
        if self._plan is None or not self._holds(batches):
            return self._made(batches)
        self._n_left, self._n_vain = self._n_left - 1, 0
        if self._n_left == 0:
            self._n_left = _LOOK_EVERY
            self._plan = self._engine.faster(self._plan) or self._plan
        self._plan.replay()
        return dict(self._plan.results)

    def _holds(self, batches: Batches) -> bool:
        if batches is not self._batches or any(p.value is not v for p, v in self._held):
            return False
        if any(held != copy for held, copy in self._lists):
            return False
        if self._seen == Watched.n_changes:
            return True
        self._seen = Watched.n_changes
        return attributes(self.model.named_parts()) == self._signature

    def _made(self, batches: Batches) -> dict[str, Array] | None:
        """Make a plan, and return its first results once they have been found right."""
        self._n_vain += 1
        if self._n_vain > _MAX_VAIN:
            self.refused = "the model's values are others each time"
            return None
        self._engine: Any = engine_for(self.model.backend)
        if self._engine is None or not self._engine.reads:
            return None
        named = self.model.named_parts()
        holders = [*self.model.parameters(), *self.model.named_buffers().values()]
        self._held = [(holder, holder.value) for holder in holders]
        self._batches, self._n_left = batches, _LOOK_EVERY
        try:
            with skip_value_checks():
                tape = self._traced(batches)
            self._plan = self._engine.plan(tape.graph, tape.states)
        except (TypeError, ValueError, AttributeError, RuntimeError, IndexError, KeyError) as error:
            self.refused = str(error) or type(error).__name__
            return None
        self._signature, self._seen = attributes(named), Watched.n_changes
        self._lists = list(containers(self.model))
        self._plan.replay()
        del tape.results["loss"]  # the sum of losses, which are compared
        self.refused = first_difference(self._plan.results, tape.results, exact=False)
        return dict(self._plan.results) if self.refused is None else None

    def _traced(self, batches: Batches) -> Tape:
        tape = Tape(batches.backend, self._engine.same_memory)
        X, y = tape.state("data:X", batches.X), tape.state("data:y", batches.y)
        for i, (holder, value) in enumerate(self._held):
            holder.value = tape.state(f"held:{i}", value)
        try:
            self._results(tape, [(X[part], y[part]) for part in batches.loader.slices()])
        finally:
            for holder, value in self._held:
                holder.value = value
            tape.close()
        without_repetition(tape.graph)
        without_dead(tape.graph)
        return tape

    def _results(self, tape: Tape, batches: list[Any]) -> None:
        xp, criterion = tape.namespace, self.model.criterion
        losses, weights, predictions = [], [], []
        for x, y in batches:
            y_hat = self.model.forward(x)
            losses.append(criterion.forward(y_hat, y))
            predictions.append(criterion.predictions(y_hat, self.metric))
            weights.append(criterion.weight_of(y))
        losses = xp.concat(losses)
        tape.result("losses", losses)
        tape.result("loss", xp.sum(losses))
        predicted = xp.concat(predictions)
        tape.result("predictions", predicted)
        if self.metric is not None and is_own(self.metric):
            tape.result("metric", self.metric(predicted, xp.concat([y for _, y in batches])))
        if weights[0] is not None:
            tape.result("weight", sum(map(xp.sum, weights[1:]), xp.sum(weights[0])))


def is_own(metric: Metric) -> bool:
    """Return whether a metric is one of portanet's, which do nothing but compute."""
    return str(getattr(metric, "__module__", "")).startswith("portanet.metrics")


def _fits(batches: Batches) -> bool:
    return batches.resident and not batches.loader.shuffle and len(batches) <= MAX_BATCHES
