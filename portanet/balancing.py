"""Weights that balance classes: what losses are given where some classes have few samples."""

from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.checks import check_count
from portanet.errors import DataError, DtypeError, ShapeError, short


def class_weights(y: Any, n_classes: int | None = None) -> list[float]:
    """Return N / (C n_c) for each class c of C, of which y has n_c of N samples: all count alike.

    y (N,) are class indices, as for CrossEntropy(class_weights=class_weights(y)). As weights of
    samples they are Dataset(X, y, sample_weight=np.take(class_weights(y), y)). `n_classes` is C,
    which is otherwise the largest index + 1. These are scikit-learn's class_weight="balanced".

    Raises DataError if a class has no samples (its weight would be infinite) or y holds anything
    but class indices, ShapeError unless y is (N,) with N >= 1.

    Source: King & Zeng, "Logistic regression in rare events data", 2001.

    >>> class_weights([0, 0, 0, 1])
    [0.6666666666666666, 2.0]
    """
    who, labels = "class_weights", _on_host(y)
    if labels.ndim != 1 or labels.size == 0:
        raise ShapeError(f"{who}: y must be (N,) with N >= 1, is {labels.shape}")
    if labels.dtype.kind not in "biu" or labels.min() < 0:
        raise DataError(
            f"{who}: y must be class indices 0, 1, …, is {short(y)}; numpy.unique makes them of "
            "labels: classes, y = numpy.unique(y, return_inverse=True)"
        )
    counts = np.bincount(labels.astype(np.int64), minlength=_n_classes(who, n_classes))
    if n_classes is not None and len(counts) > n_classes:
        raise DataError(
            f"{who}: y must be class indices below n_classes, {n_classes}, has {labels.max()}"
        )
    if missing := np.flatnonzero(counts == 0).tolist():
        raise DataError(
            f"{who}: every class must have a sample, classes {short(missing)} of {len(counts)} "
            "have none; number the classes anew, or give their weights yourself"
        )
    return (labels.size / (len(counts) * counts)).tolist()


def positive_weight(y: Any) -> Any:
    """Return (number of 0s) / (number of 1s): positives count as much as negatives.

    y (N,) holds labels 0 and 1, as for BCEWithLogits(positive_weight=positive_weight(y)): a number;
    of several labels (N, K) a list of K. This is what PyTorch's documentation gives pos_weight.

    Raises DataError unless y has 0s and 1s only, and a 1 in each column; ShapeError unless it is
    (N,) or (N, K) with N >= 1.

    >>> positive_weight([0, 0, 0, 1])
    3.0
    """
    who, labels = "positive_weight", _on_host(y)
    if labels.ndim not in (1, 2) or labels.size == 0:
        raise ShapeError(f"{who}: y must be (N,) or (N, K) with N >= 1, is {labels.shape}")
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        raise DataError(f"{who}: y must be labels 0 and 1, is {short(y)}")
    n_positive = np.count_nonzero(labels, axis=0)
    if (n_positive == 0).any():
        where = "y has" if labels.ndim == 1 else f"{np.flatnonzero(n_positive == 0).tolist()} have"
        raise DataError(
            f"{who}: there must be a 1 among the labels{'' if labels.ndim == 1 else ' of a column'}"
            f", {where} none; without positives there is nothing to balance"
        )
    return ((len(labels) - n_positive) / n_positive).tolist()


def _on_host(y: Any) -> np.ndarray:
    try:
        backend = backend_of(y)
    except DtypeError:  # lists, frames
        return np.asarray(y)
    return np.asarray(backend.to_numpy(y))


def _n_classes(who: str, n_classes: int | None) -> int:
    return 0 if n_classes is None else check_count(who, "n_classes", n_classes)
