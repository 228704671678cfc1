"""Evaluation: the mean loss and the metric over all data of a loader. It leaves no trace."""

from typing import Any

from portanet.backends import array_namespace
from portanet.checks import skip_value_checks
from portanet.compiler import CompiledStep
from portanet.data import Batches
from portanet.errors import PortanetError
from portanet.metrics.measured import Measured, measured
from portanet.sequential import Sequential
from portanet.several import Arrays, joined, map_parts, n_samples
from portanet.training.metric import about_failed, one_number, work_on_a_batch
from portanet.training.staged import Staged


def evaluate(
    model: Sequential, metric: Any, staged: Staged, *, compiled: CompiledStep | None
) -> dict[str, Any]:
    """Return {"loss": …, "metric": …}, on the device; without a metric the loss only.

    They are computed compiled if the training step `compiled` is given. Batches come in the order
    of the data, and no epoch is counted. A metric is given copies, which stay as they are. Of
    several metrics each has an entry, "metric.price".
    """
    batches, metrics = staged.batches, measured(metric, model.criterion)
    plan = None if compiled is None else staged.compiled(model, metrics, compiled.fast)
    with skip_value_checks(), batches.in_data_order():
        found = None if plan is None else plan(batches)
        y: Any = None
        if found is None:
            found, y = _passes(model, batches, metrics)
        n = found["losses"].shape[0]
        row = {"loss": found["loss"] / found.get("weight", n)}
        for name, one in metrics.items():
            if name not in found:
                y = map_parts(lambda array: array[:n, ...], batches.y) if y is None else y
                found[name] = one.metric(_predictions(name, found), one.targets(y))
            row[name] = one_number(one.metric, found[name])
        return row


def try_metric(model: Sequential, metric: Any, staged: Staged) -> None:
    """Raise what a metric would raise after the first epoch, unless it is known to work.

    It is tried on the first batch. What fails there may work for all samples (a ranking needs two
    classes), so then all of them are evaluated.
    """
    metrics = measured(metric, model.criterion)
    if staged.tried == metrics:
        return
    if not work_on_a_batch(model, metrics, staged.batches):
        try:
            evaluate(model, metric, staged, compiled=None)
        except PortanetError:
            raise
        except Exception as error:
            error.add_note(about_failed(model, metrics, staged.batches))
            raise
    staged.tried = metrics


def weight_of(model: Sequential, y: Arrays) -> Any:
    """Return what a batch counts in the mean loss: its samples, or the sum of their weights."""
    weights = model.criterion.weight_of(y)
    return n_samples(y) if weights is None else array_namespace(weights).sum(weights)


def _passes(
    model: Sequential, batches: Batches, metrics: dict[str, Measured]
) -> tuple[dict[str, Any], Any]:
    """Return sums and predictions of all batches, and for metrics the targets."""
    xp, criterion = batches.backend.xp, model.criterion
    losses, weight, targets = [], 0, []
    predictions: dict[str, list[Any]] = {name: [] for name in metrics}
    for x, y in batches:
        y_hat = model.forward(x)
        losses.append(criterion.forward(y_hat, y))
        weight = weight + weight_of(model, y)
        for name, one in metrics.items():
            predictions[name].append(one.predictions(criterion, y_hat))
        if metrics:
            targets.append(y)
    together = xp.concat(losses)
    found = {"losses": together, "loss": xp.sum(together), "weight": weight}
    found |= {f"predictions:{name}": joined(xp, parts) for name, parts in predictions.items()}
    return found, joined(xp, targets) if targets else None


def _predictions(name: str, found: dict[str, Any]) -> Any:
    """Return a metric's predictions; of several outputs in a dict, by their names."""
    whole = f"predictions:{name}"
    if whole in found:
        return found[whole]
    of = {key.removeprefix(f"{whole}."): v for key, v in found.items() if key.startswith(whole)}
    return list(of.values()) if all(key.isdigit() for key in of) else of
