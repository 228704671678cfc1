"""Window: the part of an image that each place of the output reads, in convolution and pooling.

Output place (p, q) reads, at offset (i, j) of the kernel, row p * stride + i * dilation - before of
the image, and likewise for columns; rows outside the image are padding.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from portanet.backends import array_namespace
from portanet.checks import check_count
from portanet.errors import ArgumentError, ShapeError, short
from portanet.typing import Array

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """A kernel's size, stride, padding ((top, bottom), (left, right)) and dilation.

    >>> window = Window((3, 3), stride=(2, 2), padding=((1, 1), (1, 1)))
    >>> window.output_size((28, 28))
    (14, 14)
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)

    def output_size(self, size: Pair) -> Pair:
        """Return (height, width) of the output for an image's; below 1 if the window is larger."""
        return self._places(0, size[0]), self._places(1, size[1])

    def input_size(self, size: Pair) -> Pair:
        """Return (height, width) of the smallest image whose output has this size."""
        return self._reach(0, size[0]), self._reach(1, size[1])

    def offsets(self) -> Iterator[Pair]:
        """Yield every (i, j) of the kernel, row by row."""
        return product(range(self.kernel[0]), range(self.kernel[1]))

    def pad(self, x: Array, value: float = 0.0) -> Array:
        """Return x (..., H, W) with the padding around it."""
        return _pad(_pad(x, -2, *self.padding[0], value), -1, *self.padding[1], value)

    def at(self, padded: Array, i: int, j: int) -> Array:
        """Return what all places of the output read at offset (i, j): (..., OH, OW)."""
        rows = padded[..., self._slice(0, i, padded.shape[-2]), :]
        return rows[..., self._slice(1, j, padded.shape[-1])]

    def put(self, part: Callable[[int, int], Array], size: Pair) -> Array:
        """Return the image (..., H, W) with each part(i, j) added where `at` reads it: its adjoint.

        `part` is called row by row.
        """
        columns = range(self.kernel[1])
        image = sum_of(
            self._put(0, i, sum_of(self._put(1, j, part(i, j), size) for j in columns), size)
            for i in range(self.kernel[0])
        )
        (top, _), (left, _) = self.padding
        return image[..., top : top + size[0], left : left + size[1]]

    def _put(self, axis: int, offset: int, part: Array, size: Pair) -> Array:
        """Return part with zeros along an axis, its numbers at the places that `at` reads."""
        before, after = self.padding[axis]
        first = offset * self.dilation[axis]
        spread = _spread(part, axis - 2, self.stride[axis])
        missing = before + size[axis] + after - first - spread.shape[axis - 2]
        return _pad(spread, axis - 2, first, missing, 0.0)

    def _places(self, axis: int, size: int) -> int:
        span = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (size + sum(self.padding[axis]) - span) // self.stride[axis] + 1

    def _reach(self, axis: int, places: int) -> int:
        span = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (places - 1) * self.stride[axis] + span - sum(self.padding[axis])

    def _slice(self, axis: int, offset: int, size: int) -> slice:
        first, stride = offset * self.dilation[axis], self.stride[axis]
        places = self._places(axis, size - sum(self.padding[axis]))
        return slice(first, first + (places - 1) * stride + 1, stride)


def sum_of(parts: Iterator[Array]) -> Array:
    """Return the sum of arrays; Python's sum would start from an integer."""
    total = next(parts)
    for part in parts:
        total = total + part
    return total


def make_window(
    who: str, n_axes: int, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Window:
    """Return the window for a user's arguments; one axis becomes (1, length).

    Raises ArgumentError unless they are integers, or tuples of one for each axis.
    """
    kernel = pair(who, "kernel", kernel, n_axes, 1)
    stride = pair(who, "stride", stride, n_axes, 1)
    dilation = pair(who, "dilation", dilation, n_axes, 1)
    if isinstance(padding, str) and padding != "same":
        raise ArgumentError(
            f"{who}: padding must be integers or 'same', is {short(padding)}; padding=0 adds none"
        )
    if padding != "same":
        around = pair(who, "padding", padding, n_axes, 0, filling=0)
        vertical, horizontal = (around[0], around[0]), (around[1], around[1])
        return Window(kernel, stride, (vertical, horizontal), dilation)
    if stride != (1, 1):
        raise ArgumentError(
            f"{who}: padding='same' needs stride 1, stride is {stride[2 - n_axes :]}; give the "
            "padding in numbers"
        )
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return Window(kernel, stride, _halves(total[0], total[1]), dilation)


def check_images(who: object, n_axes: int, x: Array, channels: int | None) -> None:
    """Raise ShapeError unless x is (N, channels, then n_axes of height and width or length)."""
    wanted = f"(N, {channels or 'channels'}, {('length', 'height, width')[n_axes - 1]})"
    shape = tuple(x.shape)
    if x.ndim != n_axes + 2 or (channels is not None and shape[1] != channels):
        advice = ""
        if x.ndim == n_axes + 1 and channels in (None, shape[0]):
            advice = "; one sample is x[None, ...]"
        elif x.ndim == n_axes + 1 and channels == 1:
            advice = "; add a channel axis with x[:, None, ...]"
        elif x.ndim == n_axes + 2 and shape[-1] == channels:
            advice = "; channels are axis 1: permute the axes"
        raise ShapeError(
            f"{who}: x must be {wanted}, is {shape}{advice or _channels(shape, n_axes)}"
        )


def _channels(shape: tuple[int, ...], n_axes: int) -> str:
    return f"; for this x it has {shape[1]} channels" if len(shape) == n_axes + 2 else ""


def check_fits(who: object, window: Window, n_axes: int, size: tuple[int, ...]) -> None:
    """Raise ShapeError unless the kernel fits into an image of this size."""
    images = (1, *size)[-2:]
    if min(window.output_size((images[0], images[1]))) < 1:
        need = tuple(max(1, n) for n in window.input_size((1, 1)))[2 - n_axes :]
        raise ShapeError(
            f"{who}: x must be at least {_by(need)} for the kernel, is {_by(size)}; choose a "
            "smaller kernel, or add padding"
        )


def _by(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size)) + (" long" if len(size) == 1 else "")


def pair(who: str, name: str, value: Any, n_axes: int, low: int, filling: int = 1) -> Pair:
    """Return two integers, from one for all axes or a tuple with one for each axis."""
    values = value if isinstance(value, tuple | list) else (value,) * n_axes
    if len(values) != n_axes:
        raise ArgumentError(
            f"{who}: {name} must be one integer or {n_axes}, one for each axis, is {short(value)}"
        )
    filled = [filling] * (2 - n_axes) + [check_count(who, name, v, low) for v in values]
    return filled[0], filled[1]


def _halves(height: int, width: int) -> tuple[Pair, Pair]:
    """Return the padding of both axes, the larger half below and on the right, as in PyTorch."""
    return (height // 2, height - height // 2), (width // 2, width - width // 2)


def _pad(x: Array, axis: int, before: int, after: int, value: float) -> Array:
    xp, shape = array_namespace(x), list(x.shape)

    def edge(n: int) -> list[Array]:
        shape[axis] = n
        return [xp.full(tuple(shape), value, dtype=x.dtype, device=x.device)] if n else []

    parts = [*edge(before), x, *edge(after)]
    return x if len(parts) == 1 else xp.concat(parts, axis=axis)


def _spread(x: Array, axis: int, stride: int) -> Array:
    """Return x with stride - 1 zeros between neighbours along an axis."""
    size = x.shape[axis]
    if stride == 1 or size == 0:
        return x
    xp, axis = array_namespace(x), axis + x.ndim
    column = xp.reshape(x, (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]))
    zeros = xp.zeros_like(column)
    wide = xp.concat([column] + [zeros] * (stride - 1), axis=axis + 1)
    wide = xp.reshape(wide, (*x.shape[:axis], size * stride, *x.shape[axis + 1 :]))
    return wide[(slice(None),) * axis + (slice(0, (size - 1) * stride + 1), ...)]
