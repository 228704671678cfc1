"""EvaluationCheck: the results of compiled forward passes beside those of the readable ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from portanet.backends import backend_of, get
from portanet.checks import skip_value_checks
from portanet.compiler.tracing.rollback import undone
from portanet.compiler.verification import compare
from portanet.compiler.verification.host_run import held, on_host
from portanet.compiler.verification.judge import Judge
from portanet.compiler.verification.noise import NoisyTape
from portanet.sequential import Sequential
from portanet.typing import Array, Namespace


def results_of(
    model: Sequential,
    metric: Callable[[Array, Array], Array] | None,
    batches: Sequence[tuple[Array, Array]],
    xp: Namespace,
) -> dict[str, Array]:
    """Return losses, predictions, the weights' sum and the metric of some batches, as written."""
    criterion = model.criterion
    losses, weights, predictions = [], [], []
    for x, y in batches:
        y_hat = model.forward(x)
        losses.append(criterion.forward(y_hat, y))
        predictions.append(criterion.predictions(y_hat, metric))
        weights.append(criterion.weight_of(y))
    found = {"losses": xp.concat(losses), "predictions": xp.concat(predictions)}
    if metric is not None and is_own(metric):
        found["metric"] = metric(found["predictions"], xp.concat([y for _, y in batches]))
    if weights[0] is not None:
        found["weight"] = sum(map(xp.sum, weights[1:]), xp.sum(weights[0]))
    return found


def is_own(metric: Any) -> bool:
    """Return whether a metric is one of portanet's, which do nothing but compute."""
    return str(getattr(metric, "__module__", "")).startswith("portanet.metrics")


class EvaluationCheck:
    """Compares results with those of the readable passes, in float64 where they differ."""

    def __init__(
        self, model: Sequential, metric: Any, batches: Sequence[tuple[Array, Array]]
    ) -> None:
        self.model, self.metric, self.batches = model, metric, batches

    def difference(
        self, got: Mapping[str, Array], readable: Mapping[str, Array] | None
    ) -> str | None:
        """Return the first result that differs, with words, None if all agree."""
        if readable is None:
            xp = backend_of(self.batches[0][0]).xp
            with undone({"": self.model}), skip_value_checks():
                readable = results_of(self.model, self.metric, self.batches, xp)
        there = on_host(readable)
        here = on_host({name: got[name] for name in readable})
        found = compare.difference(here, there, compare.some_ulps)
        if found:
            found = Judge(self._run, there).verdict(here, found)
        return compare.first(found)

    def _run(self, tape: NoisyTape) -> dict[str, np.ndarray]:
        holders = {**self.model.named_parameters(), **self.model.named_buffers()}
        arrays = on_host({name: holder.peek() for name, holder in holders.items()})
        entered = {name: tape.enter(array) for name, array in arrays.items()}
        host = get("numpy")
        batches = []
        for x, y in self.batches:
            here = on_host({"x": x, "y": y})
            batches.append((tape.enter(host.asarray(here["x"])), tape.enter(here["y"])))
        with undone({"": self.model}), skip_value_checks(), held(holders, entered):
            results = results_of(self.model, self.metric, batches, tape.namespace)
        return {name: tracer.array for name, tracer in results.items()}
