"""Class indices from predictions and targets, and counts of them: shared by metrics of classes."""

from typing import Any

from portanet.backends import array_namespace, backend_of
from portanet.errors import ShapeError
from portanet.targets import as_column, check_place
from portanet.typing import Array


def class_indices(who: str, y_hat: Array, y: Array, axis: int) -> tuple[Array, Array, int | None]:
    """Return predicted (-1 for NaN) and true class indices, (M,), and C (None: probabilities)."""
    check_place(who, y_hat, y)
    xp, shape = array_namespace(y_hat), tuple(y_hat.shape)
    index = index_dtype(y_hat)
    if y_hat.ndim < 2 or shape[axis] == 1:
        y = xp.astype(as_column(who, y_hat, y), y_hat.dtype)
        predicted, true, n_classes, unknown = y_hat > 0.5, y > 0.5, None, y_hat != y_hat
    else:
        axis, n_classes = axis % y_hat.ndim, shape[axis]
        wanted = shape[:axis] + shape[axis + 1 :]
        if tuple(y.shape) not in (wanted, (*shape[:axis], 1, *shape[axis + 1 :])):
            raise ShapeError(
                f"{who}: for scores {shape} y must be {wanted}, class indices, is "
                f"{tuple(y.shape)}; of one-hot rows they are y.argmax(axis)"
            )
        predicted, true = xp.argmax(y_hat, axis=axis), y
        unknown = xp.any(y_hat != y_hat, axis=axis)
    predicted = xp.where(unknown, -1, xp.astype(predicted, index))
    return xp.reshape(predicted, (-1,)), xp.reshape(xp.astype(true, index), (-1,)), n_classes


def nan_unless_known(score: Array, predicted: Array, true: Array) -> Array:
    """Return score, or NaN if a prediction of a target that counts is NaN."""
    xp = array_namespace(score)
    unknown = xp.any((predicted < 0) & (true >= 0))
    return xp.where(unknown, xp.full_like(score, xp.nan), score)


def ratio(numerator: Array, denominator: Array, otherwise: float, like: Array) -> Array:
    """Return numerator / denominator in like's dtype, `otherwise` where the denominator is 0."""
    xp, dtype = array_namespace(like), like.dtype
    empty = denominator == 0
    safe = xp.astype(xp.where(empty, xp.ones_like(denominator), denominator), dtype)
    ratio = xp.astype(numerator, dtype) / safe
    return xp.where(empty, xp.full_like(ratio, otherwise), ratio)


def count(condition: Array, axis: int | None = None) -> Array:
    """Return how often a condition is true, as an integer."""
    return array_namespace(condition).sum(number(condition), axis=axis)


def number(condition: Array) -> Array:
    return array_namespace(condition).astype(condition, index_dtype(condition))


def range_like(n: int, like: Array) -> Array:
    return array_namespace(like).arange(n, dtype=like.dtype, device=like.device)


def index_dtype(x: Array) -> Any:
    backend = backend_of(x)
    return backend.dtype(backend.index_dtype())
