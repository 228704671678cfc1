"""Metrics of rankings: whether positives have higher scores than negatives, without a threshold.

Both count, for every score, how many other scores are lower, with a sort and binary searches: the
result does not depend on the order of equal scores, and no shape depends on the data.
"""

from portanet.backends import array_namespace
from portanet.errors import ShapeError
from portanet.metrics._scores import of_scores
from portanet.targets import as_column, check_place
from portanet.typing import Array


@of_scores
def roc_auc(y_hat: Array, y: Array) -> Array:
    """Return the area under the ROC curve: the probability that a positive outscores a negative.

    Ties count half. Shapes: y_hat (N,) or (N, 1) of any scores, y alike, positive above 0.5; or
    y_hat (N, 2), of which the second column is the score, with y (N,). The trainer passes logits
    where the loss has logits, as probabilities of 0 and 1 would be ties.

    With one class only, or if a score is NaN, the result is NaN (scikit-learn also warns). Raises
    ShapeError if the shape of y does not match y_hat.

    >>> import numpy as np
    >>> float(roc_auc(np.asarray([0.9, 0.2, 0.6, 0.6]), np.asarray([1, 0, 0, 1])))
    0.875
    """
    scores, positive = _scores("roc_auc", y_hat, y)
    xp, dtype = array_namespace(scores), scores.dtype
    n_negatives = xp.sum(xp.astype(~positive, xp.int32))
    negatives = xp.sort(xp.where(positive, xp.full_like(scores, xp.inf), scores))
    # the placeholders of positives are not counted, not even below an infinite score
    below = xp.searchsorted(negatives, scores, side="left")
    up_to = xp.searchsorted(negatives, scores, side="right")
    up_to = xp.minimum(up_to, xp.astype(n_negatives, up_to.dtype))
    share_below = xp.astype(below + up_to, dtype) / 2 / _at_least_one(n_negatives, dtype)
    return _mean_over_positives(share_below, positive, scores, n_negatives > 0)


@of_scores
def average_precision(y_hat: Array, y: Array) -> Array:
    """Return the area under the precision-recall curve: the mean precision over the positives.

    The precision of a positive is that of predicting as positive all samples with its score or a
    higher one. Without interpolation, equal scores are one threshold: as in scikit-learn.
    Shapes and scores: as for roc_auc.

    Without a positive (scikit-learn: 0 and a warning), or if a score is NaN, the result is NaN.
    Raises ShapeError if the shape of y does not match y_hat.

    >>> import numpy as np
    >>> scores, labels = np.asarray([0.9, 0.2, 0.6, 0.6]), np.asarray([1, 0, 0, 1])
    >>> round(float(average_precision(scores, labels)), 3)
    0.833
    """
    scores, positive = _scores("average_precision", y_hat, y)
    xp, dtype, n = array_namespace(scores), scores.dtype, scores.shape[0]
    n_positives = xp.sum(xp.astype(positive, xp.int32))
    positives = xp.sort(xp.where(positive, scores, xp.full_like(scores, xp.inf)))
    as_high = n - xp.searchsorted(xp.sort(scores), scores, side="left")
    below = xp.searchsorted(positives, scores, side="left")
    true = xp.astype(n_positives, below.dtype) - below
    at_least_one = xp.where(as_high > 0, as_high, xp.ones_like(as_high))
    precision = xp.astype(true, dtype) / xp.astype(at_least_one, dtype)
    return _mean_over_positives(precision, positive, scores, n_positives > 0)


def _scores(who: str, y_hat: Array, y: Array) -> tuple[Array, Array]:
    """Return the scores and which of them are positives, both (N,)."""
    check_place(who, y_hat, y)
    xp = array_namespace(y_hat)
    if y_hat.ndim == 2 and y_hat.shape[1] == 2:
        y_hat = y_hat[:, 1:]
    if y_hat.ndim > 2 or (y_hat.ndim == 2 and y_hat.shape[1] > 1):
        raise ShapeError(
            f"{who}: y_hat must be (N,), (N, 1) or (N, 2), scores of two classes, is "
            f"{tuple(y_hat.shape)}; for one class k against the others give y_hat[:, k] and y == k"
        )
    y = as_column(who, y_hat, y)
    # + 0.0 copies a column to contiguous memory (PyTorch warns of searches in strided arrays)
    y = xp.astype(y, y_hat.dtype)
    return xp.reshape(y_hat, (-1,)) + 0.0, xp.reshape(y, (-1,)) > 0.5


def _mean_over_positives(values: Array, positive: Array, scores: Array, enough: Array) -> Array:
    """Return the mean of values where positive; NaN without a positive or if a score is NaN."""
    xp = array_namespace(values)
    n_positives = xp.sum(xp.astype(positive, xp.int32))
    total = xp.sum(xp.where(positive, values, xp.zeros_like(values)))
    mean = total / _at_least_one(n_positives, values.dtype)
    known = enough & (n_positives > 0) & ~xp.any(xp.isnan(scores))
    return xp.where(known, mean, xp.full_like(mean, xp.nan))


def _at_least_one(count: Array, dtype: object) -> Array:
    xp = array_namespace(count)
    return xp.astype(xp.where(count > 0, count, xp.ones_like(count)), dtype)
