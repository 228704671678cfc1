"""Rows of the metrics: functions of predictions and targets."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from portanet import metrics


@dataclass(frozen=True)
class MetricCase:
    """One metric with options, and what draws predictions and targets for n samples."""

    name: str
    metric: Callable[..., Any]
    draw: Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]

    kind = "metric"


def _two_classes(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores in sixteenths, with ties, and labels of both classes."""
    labels = np.concatenate([[0, 1], rng.integers(0, 2, n)])
    return rng.integers(-8, 24, n + 2) / 16, labels


def _classes(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of four classes, without ties in a row, and class indices."""
    return rng.permuted(np.tile(np.arange(4.0), (n, 1)), axis=1), rng.integers(0, 4, n)


def _numbers(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((n, 2)), rng.standard_normal((n, 2))


METRICS = [
    MetricCase("accuracy", metrics.accuracy, _classes),
    MetricCase("accuracy of two classes", metrics.accuracy, _two_classes),
    MetricCase("top_k_accuracy", metrics.top_k_accuracy(2), _classes),
    MetricCase("confusion_matrix", metrics.confusion_matrix, _classes),
    MetricCase("precision", partial(metrics.precision, average="macro"), _classes),
    MetricCase("recall", partial(metrics.recall, average="macro"), _classes),
    MetricCase("f1", partial(metrics.f1, average="weighted"), _classes),
    MetricCase("roc_auc", metrics.roc_auc, _two_classes),
    MetricCase("average_precision", metrics.average_precision, _two_classes),
    MetricCase("mae", metrics.mae, _numbers),
    MetricCase("mse", metrics.mse, _numbers),
    MetricCase("r2", metrics.r2, _numbers),
]
