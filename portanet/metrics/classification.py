"""Metrics of classes: what share is right, and which class is taken for which."""

from collections.abc import Callable
from typing import Any

from portanet.backends import array_namespace, backend_of
from portanet.checks import check_count, check_number
from portanet.errors import ArgumentError, ShapeError
from portanet.loss import as_column, check_place
from portanet.typing import Array

_AVERAGES = ("binary", "macro", "micro", "weighted")


def accuracy(y_hat: Array, y: Array, *, axis: int = -1) -> Array:
    """Return the share of targets that are predicted right, in [0, 1], as a 0-d array.

    Shapes: y_hat (N, 1) or (N,) of probabilities, right if y_hat > 0.5 where y is positive (above
    0.5, so labels are 0 and 1 or -1 and 1) and only there, y alike; or y_hat (N, C) or (N, L, C)
    of one score for each class along `axis`, right if the largest (the first of equals) is at y,
    y (N,) or (N, L). Negative class indices are left out: give ignore_index=-100 to the loss.

    Nothing to look at gives NaN. Raises ShapeError if y does not belong to y_hat.

    >>> import numpy as np
    >>> float(accuracy(np.asarray([[0.9], [0.2], [0.6]]), np.asarray([1, 0, 0]))) == 2 / 3
    True
    """
    xp = array_namespace(y_hat)
    predicted, true, _ = _classes("accuracy", y_hat, y, axis)
    return _ratio(_count((predicted == true) & (true >= 0)), _count(true >= 0), xp.nan, y_hat)


def top_k_accuracy(k: int) -> Callable[[Array, Array], Array]:
    """Return the metric: the share of targets whose class is among the k largest scores.

    Shapes: y_hat (N, C) or (N, L, C), y (N,) or (N, L); negative class indices are left out. Of
    equal scores the first class comes first, so top_k_accuracy(1) is accuracy (scikit-learn's
    top_k_accuracy_score puts the last one first).

    Raises ArgumentError unless k is an integer >= 1; the metric raises what accuracy raises.

    >>> import numpy as np
    >>> metric = top_k_accuracy(2)
    >>> float(metric(np.asarray([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.asarray([1, 2])))
    0.5
    """
    check_count("top_k_accuracy", "k", k)

    def metric(y_hat: Array, y: Array) -> Array:
        xp = array_namespace(y_hat)
        _, true, n_classes = _classes(metric.__name__, y_hat, y, -1)
        if n_classes is None:
            raise ShapeError(
                f"{metric.__name__}: y_hat must be (N, C), a score for each class, is "
                f"{tuple(y_hat.shape)}"
            )
        scores = xp.reshape(y_hat, (true.shape[0], n_classes))
        classes = xp.reshape(_range(n_classes, true), (1, n_classes))
        true = xp.reshape(true, (true.shape[0], 1))
        zeros = xp.zeros_like(scores)
        own = xp.sum(xp.where(classes == true, scores, zeros), axis=1, keepdims=True)
        ahead = (scores > own) | ((scores == own) & (classes < true))
        found = (_count(ahead, axis=1) < k) & (true[:, 0] >= 0)
        return _ratio(_count(found), _count(true >= 0), xp.nan, y_hat)

    metric.__name__ = metric.__qualname__ = f"top_{k}_accuracy"
    return metric


def confusion_matrix(y_hat: Array, y: Array, *, axis: int = -1) -> Array:
    """Return how often class i (row) was taken for class j (column), (C, C) of integers.

    Shapes: as for accuracy; probabilities of one column make C = 2.

    >>> import numpy as np
    >>> confusion_matrix(np.asarray([0.9, 0.2, 0.6]), np.asarray([1, 0, 0]))
    array([[1, 1],
           [0, 1]])
    """
    xp = array_namespace(y_hat)
    predicted, true, n_classes = _classes("confusion_matrix", y_hat, y, axis)
    n = n_classes or 2
    # pairs as numbers, sorted: where each number begins and ends says how often it comes
    known = (true >= 0) & (true < n)
    pairs = xp.sort(xp.where(known, true * n + predicted, xp.full_like(true, n * n)))
    cells = _range(n * n, true)
    ends = xp.searchsorted(pairs, cells, side="right")
    return xp.reshape(ends - xp.searchsorted(pairs, cells, side="left"), (n, n))


def precision(
    y_hat: Array, y: Array, *, average: str = "binary", zero_division: float = 0.0
) -> Array:
    """Return how much of what is predicted as a class is of that class: tp / (tp + fp).

    Shapes: as for accuracy. average="binary" looks at class 1 of two. For more classes: "macro" is
    the mean over the classes that come in y or in the predictions, "weighted" counts each as often
    as it comes in y, "micro" counts all classes together. Where there is nothing to divide by the
    result is zero_division, in [0, 1]: as in scikit-learn, without its warning.

    Raises ArgumentError for an unknown average or "binary" with more than two classes, ShapeError.

    >>> import numpy as np
    >>> float(precision(np.asarray([0.9, 0.2, 0.6]), np.asarray([1, 0, 0])))
    0.5
    """
    return _score("precision", y_hat, y, average, zero_division, "predicted")


def recall(y_hat: Array, y: Array, *, average: str = "binary", zero_division: float = 0.0) -> Array:
    """Return how much of a class is found: tp / (tp + fn). Options and shapes: see precision.

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
    if average not in _AVERAGES:
        raise ArgumentError(f"{who}: average must be one of {_AVERAGES}, is {average!r}")
    otherwise = check_number(who, "zero_division", zero_division, 0, 1)
    xp, counts = array_namespace(y_hat), confusion_matrix(y_hat, y)
    if average == "binary" and counts.shape[0] != 2:
        raise ArgumentError(
            f"{who}: average='binary' is for two classes, there are {counts.shape[0]}; choose "
            f"another with functools.partial({who}, average='macro')"
        )
    # hits, predicted and true, for each class
    hits = xp.sum(counts * _identity(counts), axis=0)
    predicted, true = xp.sum(counts, axis=0), xp.sum(counts, axis=1)
    if average == "micro":
        hits, predicted, true = xp.sum(hits), xp.sum(predicted), xp.sum(true)
    both, n_hits = predicted + true, 2 * hits if against == "both" else hits
    of = {"predicted": predicted, "true": true, "both": both}[against]
    scores = _ratio(n_hits, of, otherwise, y_hat)
    if average == "micro":
        return scores
    if average == "binary":
        return scores[1]
    weights = true if average == "weighted" else _number(both > 0)
    weighted = xp.sum(scores * xp.astype(weights, scores.dtype))
    return _ratio(weighted, xp.sum(weights), otherwise, y_hat)


def _classes(who: str, y_hat: Array, y: Array, axis: int) -> tuple[Array, Array, int | None]:
    """Return predicted and true class indices, both (M,), and C (None: probabilities, of two)."""
    xp, shape = array_namespace(y_hat), tuple(y_hat.shape)
    index = _index_dtype(y_hat)
    check_place(who, y_hat, y)
    if y_hat.ndim < 2 or shape[axis] == 1:
        y = xp.astype(as_column(who, y_hat, y), y_hat.dtype)
        predicted, true, n_classes = y_hat > 0.5, y > 0.5, None
    else:
        axis, n_classes = axis % y_hat.ndim, shape[axis]
        wanted = shape[:axis] + shape[axis + 1 :]
        if tuple(y.shape) not in (wanted, (*shape[:axis], 1, *shape[axis + 1 :])):
            raise ShapeError(
                f"{who}: for scores {shape} y must be {wanted}, class indices, is {tuple(y.shape)}"
            )
        predicted, true = xp.argmax(y_hat, axis=axis), y
    predicted = xp.reshape(xp.astype(predicted, index), (-1,))
    return predicted, xp.reshape(xp.astype(true, index), (-1,)), n_classes


def _ratio(numerator: Array, denominator: Array, otherwise: float, like: Array) -> Array:
    """Return numerator / denominator in like's dtype, `otherwise` where that is 0."""
    xp, dtype = array_namespace(like), like.dtype
    empty = denominator == 0
    safe = xp.astype(xp.where(empty, xp.ones_like(denominator), denominator), dtype)
    ratio = xp.astype(numerator, dtype) / safe
    return xp.where(empty, xp.full_like(ratio, otherwise), ratio)


def _count(condition: Array, axis: int | None = None) -> Array:
    """Return how often a condition holds, exactly: as an integer."""
    return array_namespace(condition).sum(_number(condition), axis=axis)


def _number(condition: Array) -> Array:
    return array_namespace(condition).astype(condition, _index_dtype(condition))


def _identity(x: Array) -> Array:
    """Return the identity matrix, of integers, in the size of x."""
    return array_namespace(x).eye(x.shape[0], dtype=x.dtype, device=x.device)


def _range(n: int, like: Array) -> Array:
    return array_namespace(like).arange(n, dtype=like.dtype, device=like.device)


def _index_dtype(x: Array) -> Any:
    backend = backend_of(x)
    return backend.dtype(backend.index_dtype())
