"""Which places of the output see an image, at each offset of the window that moves over it."""

from collections.abc import Iterator
from typing import Any


def offsets(window: Any, output: Any, size: Any) -> Iterator[tuple[Any, Any]]:
    """Yield for each offset of the kernel which places see the image there, and what they see."""
    for i, j in window.offsets():
        rows, seen_rows = seen_at(window, 0, i, output[0], size[0])
        cols, seen_cols = seen_at(window, 1, j, output[1], size[1])
        yield (..., rows, cols), (..., seen_rows, seen_cols)


def seen_at(window: Any, axis: int, offset: int, places: int, size: int) -> tuple[slice, slice]:
    """Return which places see the image at an offset of the kernel, and which rows they see."""
    stride = window.stride[axis]
    first = offset * window.dilation[axis] - window.padding[axis][0]
    low = max(0, -(first // stride))
    n = max(0, min(places, (size - 1 - first) // stride + 1) - low)
    start = first + low * stride
    return slice(low, low + n), slice(start, start + max(0, (n - 1) * stride + 1), stride)
