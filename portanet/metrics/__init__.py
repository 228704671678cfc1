"""How well a network does, in numbers for people. Metrics are computed on the device.

A metric is a function of predictions (what the loss's `link` makes of the network's outputs:
probabilities) and targets, over a whole data set, that returns a 0-d array (confusion_matrix:
(C, C)). Options are set with functools.partial: `metric=partial(f1, average="macro")`.
"""

from portanet.metrics.classification import (
    accuracy,
    confusion_matrix,
    f1,
    precision,
    recall,
    top_k_accuracy,
)
from portanet.metrics.ranking import average_precision, roc_auc
from portanet.metrics.regression import mae, mse, r2

__all__ = [
    "accuracy",
    "average_precision",
    "confusion_matrix",
    "f1",
    "mae",
    "mse",
    "precision",
    "r2",
    "recall",
    "roc_auc",
    "top_k_accuracy",
]
