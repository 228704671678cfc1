"""Slices of output and image that meet at each offset of a window."""

from collections.abc import Iterator
from typing import Any


def offsets(window: Any, output: Any, size: Any) -> Iterator[tuple[Any, Any]]:
    """Yield for each offset the slices of the output and of the image that meet there."""
    for i, j in window.offsets():
        rows, seen_rows = seen_at(window, 0, i, output[0], size[0])
        cols, seen_cols = seen_at(window, 1, j, output[1], size[1])
        yield (..., rows, cols), (..., seen_rows, seen_cols)


def seen_at(window: Any, axis: int, offset: int, places: int, size: int) -> tuple[slice, slice]:
    """Return the slices of output and image that meet at an offset, along one axis."""
    stride = window.stride[axis]
    first = offset * window.dilation[axis] - window.padding[axis][0]
    low = max(0, -(first // stride))
    n = max(0, min(places, (size - 1 - first) // stride + 1) - low)
    start = first + low * stride
    return slice(low, low + n), slice(start, start + max(0, (n - 1) * stride + 1), stride)
