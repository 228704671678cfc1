"""Layers that take several arrays, where branches of a Graph join."""

from collections.abc import Callable, Sequence
from typing import Any

from portanet.backends import array_namespace
from portanet.errors import ArgumentError, ShapeError, short
from portanet.layer import Layer
from portanet.options import Option
from portanet.typing import Array


class Add(Layer):
    """y = x_1 + x_2 + …

    Shapes: all inputs and y alike. dy/dx_k = 1, so dL/dx_k = G for each of them.

    Raises ShapeError unless the shapes are equal: nothing is broadcast.

    Source: He et al., "Deep residual learning for image recognition", 2016, equation 1.

    >>> import numpy as np
    >>> Add()([np.asarray([[1.0]]), np.asarray([[2.0]])])
    array([[3.]])
    """

    def forward(self, x: Sequence[Array], *, training: bool = False) -> Array:
        """Return the sum of the inputs."""
        _check_shapes(self, x, lambda shape: shape, "one shape, to be added")
        if training:
            self._saved = len(x)
        total = x[0]
        for part in x[1:]:
            total = total + part
        return total

    def backward(self, grad: Array) -> list[Array]:
        """Return G for each input."""
        return [grad] * self._take_saved()


class Multiply(Layer):
    """y = x_1 · x_2 · …, element by element: gates.

    Shapes: all inputs and y alike. dL/dx_k = G times the product of the others.

    Raises ShapeError unless the shapes are equal: nothing is broadcast.

    Source: Dauphin, Fan, Auli & Grangier, "Language modeling with gated convolutional networks",
    2017, equation 1.

    >>> import numpy as np
    >>> Multiply()([np.asarray([[3.0]]), np.asarray([[2.0]])])
    array([[6.]])
    """

    def forward(self, x: Sequence[Array], *, training: bool = False) -> Array:
        """Return the product of the inputs."""
        _check_shapes(self, x, lambda shape: shape, "one shape, to be multiplied")
        if training:
            self._saved = list(x)
        return _product(x)

    def backward(self, grad: Array) -> list[Array]:
        """Return G times the other inputs; by division it would fail at 0."""
        x = self._take_saved()
        return [_product([grad, *x[:k], *x[k + 1 :]]) for k in range(len(x))]


def _check_axis(who: str, name: str, axis: Any) -> int:
    if not isinstance(axis, int) or axis == 0:
        raise ArgumentError(
            f"{who}: {name} must be an integer, and not 0, the batch; is {short(axis)}; the "
            "features are Concat(1)"
        )
    return axis


class Concat(Layer):
    """y = x_1, x_2, … side by side along an axis (1: channels; -1: features).

    Shapes: alike but for that axis, where the length of y is the sum of theirs. Each input's
    gradient is its part of G.

    Raises ShapeError unless the other axes are alike; ArgumentError if axis is 0, the batch.

    Source: Huang, Liu, van der Maaten & Weinberger, "Densely connected convolutional networks",
    2017, equation 2.

    >>> import numpy as np
    >>> Concat()([np.zeros((2, 3)), np.ones((2, 1))]).shape
    (2, 4)
    """

    axis = Option(_check_axis)

    def __init__(self, axis: int = 1) -> None:
        self.axis = axis

    def forward(self, x: Sequence[Array], *, training: bool = False) -> Array:
        """Return the inputs side by side."""
        wanted = f"shapes that differ along axis {self.axis} only"
        _check_shapes(self, x, lambda shape: self._others(shape, wanted), wanted)
        if training:
            self._saved = [part.shape[self.axis] for part in x]
        return array_namespace(x[0]).concat(list(x), axis=self.axis)

    def backward(self, grad: Array) -> list[Array]:
        """Return each input's part of G."""
        lengths, start, parts = self._take_saved(), 0, []
        leading = (slice(None),) * (self.axis % grad.ndim)
        for length in lengths:
            parts.append(grad[(*leading, slice(start, start + length), ...)])
            start += length
        return parts

    def _others(self, shape: tuple[int, ...], wanted: str) -> tuple[int, ...]:
        """Return a shape without the axis. Raises ShapeError if it has no such axis."""
        axis = self.axis % len(shape) if -len(shape) <= self.axis < len(shape) else 0
        if axis == 0:
            raise ShapeError(
                f"{self!r}: the inputs must have {wanted}; one of shape {shape} has no such axis"
            )
        return (*shape[:axis], *shape[axis + 1 :])


def _check_shapes(
    who: Layer, x: Sequence[Array], kept: Callable[[tuple[int, ...]], Any], wanted: str
) -> None:
    """Raise ShapeError unless what is `kept` of each shape is the same for all inputs."""
    if not isinstance(x, list | tuple) or not x:
        raise ShapeError(f"{who!r}: x must be a list of arrays, is {short(x)}; call it on a list")
    shapes = [tuple(part.shape) for part in x]
    if len({kept(shape) for shape in shapes}) != 1:
        advice = "" if isinstance(who, Concat) else "; Concat() puts them side by side"
        raise ShapeError(f"{who!r}: the inputs must have {wanted}, are {shapes}{advice}")


def _product(arrays: Sequence[Array]) -> Array:
    total = arrays[0]
    for array in arrays[1:]:
        total = total * array
    return total
