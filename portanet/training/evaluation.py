"""Evaluation: the mean loss and the metric over all data of a loader. It leaves no trace."""

from typing import Any

from portanet.backends import array_namespace
from portanet.checks import skip_value_checks
from portanet.compiler import CompiledStep
from portanet.data import Batches
from portanet.sequential import Sequential
from portanet.training.metric import Metric, one_number, works_on_a_batch
from portanet.training.staged import Staged
from portanet.typing import Array


def evaluate(
    model: Sequential,
    metric: Metric | None,
    staged: Staged,
    *,
    compiled: CompiledStep | None,
) -> dict[str, Any]:
    """Return {"loss": …, "metric": …}, on the device; without a metric the loss only.

    They are computed compiled if the training step `compiled` is given. Batches come in the order
    of the data, and no epoch is counted. A metric is given copies, which stay as they
    are.
    """
    batches = staged.batches
    plan = None if compiled is None else staged.compiled(model, metric, compiled.fast)
    with skip_value_checks(), batches.in_data_order():
        found = None if plan is None else plan(batches)
        if found is None:
            found = _passes(model, batches, metric)
        elif metric is not None and "metric" not in found:
            found["targets"] = batches.y[: found["predictions"].shape[0], ...]
        return _row(found, metric)


def try_metric(model: Sequential, metric: Metric, staged: Staged) -> None:
    """Raise what the metric would raise after the first epoch, unless it is known to work.

    It is tried on the first batch. What fails there may work for all samples (a ranking needs two
    classes), so then all of them are evaluated.
    """
    if staged.tried is metric:
        return
    if not works_on_a_batch(model, metric, staged.batches):
        evaluate(model, metric, staged, compiled=None)
    staged.tried = metric


def weight_of(model: Sequential, y: Array) -> Any:
    """Return what a batch counts in the mean loss: its samples, or the sum of their weights."""
    weights = model.criterion.weight_of(y)
    return y.shape[0] if weights is None else array_namespace(weights).sum(weights)


def _row(found: dict[str, Any], metric: Metric | None) -> dict[str, Any]:
    weight = found["weight"] if "weight" in found else found["predictions"].shape[0]
    row = {"loss": found["loss"] / weight}
    if metric is not None:
        if "metric" in found:
            value = found["metric"]
        else:
            value = metric(found["predictions"], found["targets"])
        row["metric"] = one_number(metric, value)
    return row


def _passes(model: Sequential, batches: Batches, metric: Metric | None) -> dict[str, Any]:
    """Return sums over all batches and, for a metric, predictions and targets of all samples."""
    xp, criterion = batches.backend.xp, model.criterion
    losses, weight, predictions, targets = [], 0, [], []
    for x, y in batches:
        y_hat = model.forward(x)
        losses.append(criterion.forward(y_hat, y))
        weight = weight + weight_of(model, y)
        if metric is not None:
            predictions.append(criterion.predictions(y_hat, metric))
            targets.append(y)
    found = {"loss": xp.sum(xp.concat(losses)), "weight": weight}
    if metric is not None:
        found |= {"predictions": xp.concat(predictions), "targets": xp.concat(targets)}
    return found
