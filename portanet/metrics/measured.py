"""Which metrics are computed of which outputs: one function, or several by name."""

from dataclasses import dataclass
from typing import Any

from portanet.errors import ArgumentError, short
from portanet.several import SEVERAL, keys_of, unweighted


@dataclass(frozen=True)
class Measured:
    """A metric, and the output that it is computed of; None: of what the network returns."""

    metric: Any
    output: Any = None

    def predictions(self, criterion: Any, y_hat: Any) -> Any:
        """Return the metric's input for outputs of the network."""
        if self.output is None:
            return criterion.predictions(y_hat, self.metric)
        return criterion.losses[self.output].predictions(y_hat[self.output], self.metric)

    def targets(self, y: Any) -> Any:
        """Return the targets of its output."""
        y, _ = unweighted(y)
        return y if self.output is None else y[self.output]

    @property
    def is_own(self) -> bool:
        """Whether the metric is one of portanet's, which do nothing but compute."""
        return str(getattr(self.metric, "__module__", "")).startswith("portanet.metrics")


def measured(metric: Any, criterion: Any) -> dict[str, Measured]:
    """Return metrics by the names of their values: "metric", or "metric.price" of several.

    A dict (or list) has a metric for each output, where the network has several; else its metrics
    are all of the one output. Raises ArgumentError if one is no function, or is of no output.
    """
    if metric is None:
        return {}
    several = isinstance(metric, SEVERAL)
    by_key = {key: metric[key] for key in keys_of(metric)} if several else {"": metric}
    losses = getattr(criterion, "losses", None)
    outputs = keys_of(losses) if several and isinstance(losses, SEVERAL) else None
    for key, one in by_key.items():
        label = f"metric[{key!r}]" if several else "metric"
        if not callable(one) or isinstance(one, type):
            raise ArgumentError(
                f"Trainer: {label} must be a function such as accuracy, is {short(one)}; pass it "
                f"without calling it, {label}=accuracy"
            )
        if outputs is not None and key not in outputs:
            raise ArgumentError(
                f"Trainer: metric must have metrics of the outputs {outputs}, has one of {key!r}"
            )
    if not several:
        return {"metric": Measured(metric)}
    return {
        f"metric.{key}": Measured(one, None if outputs is None else key)
        for key, one in by_key.items()
    }
