"""Weights of classes and of columns: options of losses that may be arrays."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from portanet.backends import array_namespace, backend_of
from portanet.checks import check_number, short
from portanet.errors import ArgumentError, PlacementError, ShapeError
from portanet.layer import Buffer
from portanet.typing import Array

Weights: TypeAlias = float | Buffer | None


def parse_weights(who: str, name: str, weights: float | Sequence[float] | None) -> Weights:
    """Return a number unchanged, several as a Buffer (float64 until the loss is moved).

    Raises ArgumentError unless all are finite, >= 0 and not all 0.
    """
    if weights is None or isinstance(weights, Buffer):
        return weights
    if isinstance(weights, int | float):
        return check_number(who, name, weights, 0, float(np.finfo(np.float32).max))
    values: Any = np.asarray(weights)
    fits = values.ndim == 1 and values.size > 0 and values.dtype.kind in "iuf"
    if not fits or not (np.isfinite(values) & (values >= 0)).all() or not values.any():
        raise ArgumentError(
            f"{who}: {name} must be finite numbers >= 0, one per class and not all 0, is "
            f"{short(weights)}"
        )
    return Buffer(values.astype(np.float64))


def weights_like(who: str, name: str, weights: Weights, y_hat: Array, axis: int) -> Array:
    """Return weights in y_hat's dtype, in a shape that broadcasts along an axis of y_hat."""
    if not isinstance(weights, Buffer):
        return weights
    value, n = weights.value, y_hat.shape[axis]
    if backend_of(value) is not backend_of(y_hat):
        raise PlacementError(
            f"{who}: {name} must be on the device of y_hat, {backend_of(y_hat)}; they are on "
            f"{backend_of(value)}. Move the network, or the loss, with "
            f".to({backend_of(y_hat).name!r})"
        )
    if value.shape[0] != n:
        raise ShapeError(
            f"{who}: {name} must be {n} numbers, one for each entry of y_hat along axis {axis}, "
            f"are {value.shape[0]}; give one per class"
        )
    xp, shape = array_namespace(y_hat), [1] * y_hat.ndim
    shape[axis] = n
    return xp.reshape(xp.astype(value, y_hat.dtype, copy=False), tuple(shape))
