"""Metrics of a network's predictions, computed on the device.

A metric is a function of predictions (the loss's `link` of the network's outputs: probabilities,
say) and targets, of a whole data set, that returns a 0-d array (confusion_matrix: (C, C)). Options
are set with functools.partial: `metric=partial(f1, average="macro")`. NaN among the predictions
makes a metric NaN.
"""

from portanet.metrics.accuracies import accuracy, top_k_accuracy
from portanet.metrics.confusion import confusion_matrix, f1, precision, recall
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
