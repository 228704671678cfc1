"""How good answers are: numbers for people, computed on the host in float64."""

from typing import Any

import numpy as np

from portanet.table.target import Classes, Quantity

Scores = dict[str, Any]
_TINY = float(np.finfo(np.float32).tiny)  # a probability that float32 rounds to 0


def class_scores(target: Classes, probabilities: np.ndarray, y: np.ndarray) -> Scores:
    """Return accuracy, log loss, and for each class precision, recall, f1 and its rows.

    probabilities (N, C), y (N,) of class indices. log_loss is the mean of -log p of the true class,
    p at least 1.2e-38. `confusion[i][j]` counts rows of class i that were taken for class j. What
    has no value (the precision of a class that is never said) is None, as in f1; macro_f1 is the
    mean over the classes that are there or said, None counted as 0.
    """
    n = len(target.classes)
    said = probabilities.argmax(1)
    confusion = np.bincount(y * n + said, minlength=n * n).reshape(n, n)
    true = probabilities[np.arange(len(y)), y].astype(np.float64)
    by_class = [_of_class(confusion, i) for i in range(n)]
    there = [
        s["f1"] or 0.0
        for i, s in enumerate(by_class)
        if confusion[i].any() or confusion[:, i].any()
    ]
    return {
        "rows": len(y),
        "accuracy": float((said == y).mean()),
        "log_loss": float(-np.log(np.maximum(true, _TINY)).mean()),
        "macro_f1": float(np.mean(there)),
        "classes": [{"class": c, **s} for c, s in zip(target.classes, by_class, strict=True)],
        "confusion": confusion.tolist(),
    }


def _of_class(confusion: np.ndarray, i: int) -> Scores:
    right, said, rows = (
        int(n) for n in (confusion[i, i], confusion[:, i].sum(), confusion[i].sum())
    )
    return {
        "precision": right / said if said else None,
        "recall": right / rows if rows else None,
        "f1": 2 * right / (said + rows) if said + rows else None,
        "rows": rows,
    }


def quantity_scores(target: Quantity, answers: np.ndarray, y: np.ndarray) -> Scores:
    """Return r2, the root mean squared error and the mean absolute error, in units of the target.

    r2 = 1 - sum (y - answer)² / sum (y - mean of y)², None if all y are the same. rmse_of_mean is
    what the training rows' mean as the answer to each row would give.
    """
    errors = answers - y
    spread = float(((y - y.mean()) ** 2).sum())
    return {
        "rows": len(y),
        "r2": 1 - float((errors**2).sum()) / spread if spread else None,
        "rmse": float(np.sqrt((errors**2).mean())),
        "mae": float(np.abs(errors).mean()),
        "rmse_of_mean": float(np.sqrt(((target.mean - y) ** 2).mean())),
    }
