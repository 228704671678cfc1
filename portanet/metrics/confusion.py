"""The confusion matrix, and precision, recall and F1, which are computed from it."""

from portanet.backends import array_namespace
from portanet.checks import check_choice, check_number
from portanet.errors import ArgumentError
from portanet.metrics._class_indices import (
    class_indices,
    nan_unless_known,
    number,
    range_like,
    ratio,
)
from portanet.typing import Array

_AVERAGES = ("binary", "macro", "micro", "weighted")


def confusion_matrix(y_hat: Array, y: Array, *, axis: int = -1) -> Array:
    """Return the number of targets of class i (row) predicted as class j (column), (C, C) integers.

    Shapes: as for accuracy; for probabilities of one column C = 2. Predictions of NaN are of no
    class and not counted.

    >>> import numpy as np
    >>> confusion_matrix(np.asarray([0.9, 0.2, 0.6]), np.asarray([1, 0, 0]))
    array([[1, 1],
           [0, 1]])
    """
    return _confusion(*class_indices("confusion_matrix", y_hat, y, axis))


def _confusion(predicted: Array, true: Array, n_classes: int | None) -> Array:
    """Return the confusion matrix of class indices, counted in a sorted array of pairs."""
    xp, n = array_namespace(true), n_classes or 2
    known = (true >= 0) & (true < n) & (predicted >= 0)
    pairs = xp.sort(xp.where(known, true * n + predicted, xp.full_like(true, n * n)))
    cells = range_like(n * n, true)
    ends = xp.searchsorted(pairs, cells, side="right")
    return xp.reshape(ends - xp.searchsorted(pairs, cells, side="left"), (n, n))


def precision(
    y_hat: Array, y: Array, *, average: str = "binary", zero_division: float = 0.0
) -> Array:
    """Return the share of the predictions of a class that are right: tp / (tp + fp).

    Shapes: as for accuracy. average="binary" is the precision of class 1 of two. For more classes:
    "macro" is the mean over the classes in y or in the predictions, "weighted" weights each with
    its frequency in y, "micro" adds the counts of all classes. Where tp + fp is 0 the result is
    zero_division, in [0, 1]: as in scikit-learn, without its warning. NaN among the predictions
    makes it NaN.

    Raises ArgumentError for an unknown average or "binary" with more than two classes; ShapeError
    if the shape of y does not match y_hat.

    >>> import numpy as np
    >>> float(precision(np.asarray([0.9, 0.2, 0.6]), np.asarray([1, 0, 0])))
    0.5
    """
    return _score("precision", y_hat, y, average, zero_division, "predicted")


def recall(y_hat: Array, y: Array, *, average: str = "binary", zero_division: float = 0.0) -> Array:
    """Return the share of the targets of a class that are found: tp / (tp + fn). See precision.

    >>> import numpy as np
    >>> float(recall(np.asarray([0.9, 0.2, 0.6]), np.asarray([1, 0, 0])))
    1.0
    """
    return _score("recall", y_hat, y, average, zero_division, "true")


def f1(y_hat: Array, y: Array, *, average: str = "binary", zero_division: float = 0.0) -> Array:
    """Return the harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn). See precision.

    >>> import numpy as np
    >>> round(float(f1(np.asarray([0.9, 0.2, 0.6]), np.asarray([1, 0, 0]))), 3)
    0.667
    """
    return _score("f1", y_hat, y, average, zero_division, "both")


def _score(
    who: str, y_hat: Array, y: Array, average: str, zero_division: float, against: str
) -> Array:
    """Return a mean over classes of hits / predicted, hits / true, or 2 hits / both together."""
    check_choice(who, "average", average, _AVERAGES)
    otherwise = check_number(who, "zero_division", zero_division, 0, 1)
    predicted, true, n_classes = class_indices(who, y_hat, y, -1)
    if average == "binary" and n_classes not in (2, None):
        raise ArgumentError(
            f"{who}: average='binary' is for two classes, there are {n_classes}; choose "
            f"another with functools.partial({who}, average='macro')"
        )
    counts = _confusion(predicted, true, n_classes)
    score = _average(counts, average, otherwise, against, y_hat)
    return nan_unless_known(score, predicted, true)


def _average(counts: Array, average: str, otherwise: float, against: str, like: Array) -> Array:
    """Return the mean over classes of the scores from a confusion matrix, in like's dtype."""
    xp = array_namespace(counts)
    # hits, predictions and targets of each class
    hits = xp.sum(counts * _identity(counts), axis=0)
    predicted, true = xp.sum(counts, axis=0), xp.sum(counts, axis=1)
    if average == "micro":
        hits, predicted, true = xp.sum(hits), xp.sum(predicted), xp.sum(true)
    both, n_hits = predicted + true, 2 * hits if against == "both" else hits
    of = {"predicted": predicted, "true": true, "both": both}[against]
    scores = ratio(n_hits, of, otherwise, like)
    if average == "micro":
        return scores
    if average == "binary":
        return scores[1]
    weights = true if average == "weighted" else number(both > 0)
    weighted = xp.sum(scores * xp.astype(weights, scores.dtype))
    return ratio(weighted, xp.sum(weights), otherwise, like)


def _identity(x: Array) -> Array:
    """Return the identity matrix of integers in the shape of x."""
    return array_namespace(x).eye(x.shape[0], dtype=x.dtype, device=x.device)
