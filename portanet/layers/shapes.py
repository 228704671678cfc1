"""Layers that change the shape of an array only."""

from collections.abc import Sequence
from math import prod
from typing import Any, cast

from portanet.backends import array_namespace
from portanet.checks import check_count
from portanet.errors import ArgumentError, ShapeError, short
from portanet.layer import Layer
from portanet.options import Option
from portanet.typing import Array


class Flatten(Layer):
    """y = x with all axes except the first merged into one. Shapes: x (N, ...), y (N, n).

    dL/dx is dL/dy in the shape of x.

    Raises ShapeError if x has no axis.

    >>> import numpy as np
    >>> Flatten()(np.zeros((10, 8, 4, 4))).shape
    (10, 128)
    """

    returns = "as its input"

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x as rows."""
        if x.ndim == 0:
            raise ShapeError("Flatten: x must be (N, ...), is a single number")
        return _reshaped(self, x, (prod(x.shape[1:]),), training)

    def backward(self, grad: Array) -> Array:
        """Return grad in the shape of x."""
        return array_namespace(grad).reshape(grad, self._take_saved())


def _check_shape(who: str, name: str, shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple | list):
        raise ArgumentError(f"{who}: {name} must be a tuple such as (1, 8, 8), is {short(shape)}")
    return tuple(check_count(who, name, n) for n in shape)


class Reshape(Layer):
    """y = x with each sample in another shape. Shapes: x (N, ...), y (N, *shape).

    dL/dx is dL/dy in the shape of x.

    `shape` is a tuple of integers >= 1, without N.

    Raises ShapeError unless a sample has as many numbers as `shape`; ArgumentError unless `shape`
    is a tuple of integers >= 1.

    >>> import numpy as np
    >>> Reshape((1, 8, 8))(np.zeros((10, 64))).shape
    (10, 1, 8, 8)
    """

    returns = "as its input"

    shape = Option(_check_shape)

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = cast("Any", shape)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x as (N, *shape)."""
        if x.ndim == 0 or prod(x.shape[1:]) != prod(self.shape):
            raise ShapeError(
                f"{self!r}: x must be (N, ...) with {prod(self.shape)} numbers per sample, is "
                f"{tuple(x.shape)}"
            )
        return _reshaped(self, x, self.shape, training)

    def backward(self, grad: Array) -> Array:
        """Return grad in the shape of x."""
        return array_namespace(grad).reshape(grad, self._take_saved())


def _reshaped(layer: Layer, x: Array, shape: tuple[int, ...], training: bool) -> Array:
    if training:
        layer._saved = tuple(x.shape)
    return array_namespace(x).reshape(x, (x.shape[0], *shape))
