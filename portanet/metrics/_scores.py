"""Metrics that compare scores with each other, so that the scale of the scores has no influence."""

from typing import Any, TypeVar

Metric = TypeVar("Metric", bound=Any)


def of_scores(metric: Metric) -> Metric:
    """Mark a metric that compares scores: the trainer passes it `Loss.scores`, not `Loss.link`.

    Probabilities saturate at 0 and 1, where different logits become ties; logits do not.
    """
    metric.of_scores = True
    return metric
