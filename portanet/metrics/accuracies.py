"""Accuracy, and top-k accuracy."""

from collections.abc import Callable

from portanet.backends import array_namespace
from portanet.checks import check_count
from portanet.errors import ShapeError
from portanet.metrics._class_indices import (
    class_indices,
    count,
    nan_unless_known,
    range_like,
    ratio,
)
from portanet.metrics._scores import of_scores
from portanet.typing import Array


def accuracy(y_hat: Array, y: Array, *, axis: int = -1) -> Array:
    """Return the share of right predictions, in [0, 1], as a 0-d array.

    Shapes: y_hat (N, 1) or (N,) of probabilities, positive where y_hat > 0.5, and y alike, positive
    where y > 0.5 (labels are 0 and 1, or -1 and 1); or y_hat (N, C) or (N, L, C) of one score per
    class along `axis`, predicting the class of the largest (the first of equals), and y (N,) or
    (N, L). Negative class indices are ignored: pass ignore_index=-100 to the loss.

    Without targets, or with NaN among the predictions, the result is NaN. Raises ShapeError if the
    shape of y does not match y_hat.

    >>> import numpy as np
    >>> float(accuracy(np.asarray([[0.9], [0.2], [0.6]]), np.asarray([1, 0, 0]))) == 2 / 3
    True
    """
    predicted, true, _ = class_indices("accuracy", y_hat, y, axis)
    nan = array_namespace(y_hat).nan
    share = ratio(count((predicted == true) & (true >= 0)), count(true >= 0), nan, y_hat)
    return nan_unless_known(share, predicted, true)


def top_k_accuracy(k: int) -> Callable[[Array, Array], Array]:
    """Return the metric: the share of targets whose class is among the k largest scores.

    Shapes: y_hat (N, C) or (N, L, C), y (N,) or (N, L); negative class indices are ignored. Of
    equal scores the first class ranks first, so top_k_accuracy(1) is accuracy (in scikit-learn's
    top_k_accuracy_score the last one does).

    Raises ArgumentError unless k is an integer >= 1; the metric raises what accuracy raises.

    >>> import numpy as np
    >>> metric = top_k_accuracy(2)
    >>> float(metric(np.asarray([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.asarray([1, 2])))
    0.5
    """
    check_count("top_k_accuracy", "k", k)

    def metric(y_hat: Array, y: Array) -> Array:
        xp = array_namespace(y_hat)
        predicted, true, n_classes = class_indices(metric.__name__, y_hat, y, -1)
        if n_classes is None:
            raise ShapeError(
                f"{metric.__name__}: y_hat must be (N, C), one score per class, is "
                f"{tuple(y_hat.shape)}"
            )
        scores = xp.reshape(y_hat, (true.shape[0], n_classes))
        classes = xp.reshape(range_like(n_classes, true), (1, n_classes))
        column = xp.reshape(true, (true.shape[0], 1))
        own = xp.sum(xp.where(classes == column, scores, 0), axis=1, keepdims=True)
        ahead = (scores > own) | ((scores == own) & (classes < column))
        found = (count(ahead, axis=1) < k) & (true >= 0)
        share = ratio(count(found), count(true >= 0), xp.nan, y_hat)
        return nan_unless_known(share, predicted, true)

    metric.__name__ = metric.__qualname__ = f"top_{k}_accuracy"
    return of_scores(metric)
