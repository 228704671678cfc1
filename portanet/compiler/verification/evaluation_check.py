"""EvaluationCheck: the results of compiled forward passes beside those of the readable ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from portanet.backends import get
from portanet.checks import skip_value_checks
from portanet.compiler.tracing.rollback import undone
from portanet.compiler.verification import compare
from portanet.compiler.verification.host_run import held, on_host, one_on_host
from portanet.compiler.verification.judge import Judge
from portanet.compiler.verification.noise import NoisyTape
from portanet.data.lazy_batch import Batch
from portanet.metrics.measured import Measured
from portanet.sequential import Sequential
from portanet.several import by_name, joined, map_parts
from portanet.typing import Array, Namespace


def results_of(
    model: Sequential,
    metrics: Mapping[str, Measured],
    batches: Sequence[Batch],
    xp: Namespace,
) -> dict[str, Array]:
    """Return losses, predictions, the weights' sum and the metrics of some batches, as written."""
    criterion = model.criterion
    losses, weights = [], []
    predictions: dict[str, list[Any]] = {name: [] for name in metrics}
    for x, y in batches:
        y_hat = model.forward(x)
        losses.append(criterion.forward(y_hat, y))
        weights.append(criterion.weight_of(y))
        for name, measured in metrics.items():
            predictions[name].append(measured.predictions(criterion, y_hat))
    found = {"losses": xp.concat(losses)}
    for name, measured in metrics.items():
        together = joined(xp, predictions[name])
        found |= by_name(f"predictions:{name}", together)
        if measured.is_own:
            targets = joined(xp, [measured.targets(y) for _, y in batches])
            found[name] = measured.metric(together, targets)
    if weights[0] is not None:
        found["weight"] = sum(map(xp.sum, weights[1:]), xp.sum(weights[0]))
    return found


class EvaluationCheck:
    """Compares results with those of the readable passes, in float64 where they differ."""

    def __init__(
        self, model: Sequential, metrics: Mapping[str, Measured], batches: Sequence[Batch]
    ) -> None:
        self.model, self.metrics, self.batches = model, metrics, batches

    def difference(
        self, got: Mapping[str, Array], readable: Mapping[str, Array] | None
    ) -> str | None:
        """Return the first result that differs, with words, None if all agree."""
        if readable is None:
            xp = self.model.backend.xp
            with undone({"": self.model}), skip_value_checks():
                readable = results_of(self.model, self.metrics, self.batches, xp)
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
        for batch in self.batches:
            here = (map_parts(lambda a: host.asarray(one_on_host(a)), of) for of in batch)
            batches.append(tuple(map_parts(tape.enter, of) for of in here))
        with undone({"": self.model}), skip_value_checks(), held(holders, entered):
            results = results_of(self.model, self.metrics, batches, tape.namespace)
        return {name: tracer.array for name, tracer in results.items()}
