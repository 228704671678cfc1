"""Means and squares of numbers of any size: nothing leaves the dtype's range on the way."""

from collections.abc import Callable
from math import inf, log2, prod
from typing import Any

from portanet.backends import array_namespace
from portanet.typing import Array


def scale_for_squares(largest: Array) -> Array:
    """Return the power of two that numbers of at most `largest` are multiplied by before squaring.

    It is 1 up to 2^48 (float64: 2^384), so that usual numbers stay the same bit for bit, and 2^-80
    (2^-640) above: then the squares, and sums of many, are finite, and those that matter not 0.
    """
    xp = array_namespace(largest)
    exponent = round(log2(float(xp.finfo(largest.dtype).max)))  # 128, or 1024
    small = xp.full_like(largest, 2.0 ** (-5 * exponent // 8))
    return xp.where(largest > 2.0 ** (3 * exponent // 8), small, xp.ones_like(largest))


def root_mean_square(x: Array, axes: Any) -> Array:
    """Return sqrt(mean(x²)) over some axes, the numbers divided by the largest before squaring.

    >>> import numpy as np
    >>> float(root_mean_square(np.asarray([3e-30, 4e-30, 0.0, 0.0], np.float32), 0))
    2.5...e-30
    """
    xp = array_namespace(x)
    largest = xp.max(xp.abs(x), axis=axes, keepdims=True)
    scaled = x / xp.where(largest > 0, largest, xp.ones_like(largest))
    root = xp.sqrt(xp.mean(scaled * scaled, axis=axes))
    return xp.reshape(largest, root.shape) * root


def inverse_root(mean_square: Array, eps: float, scale: Array) -> Array:
    """Return 1 / sqrt(mean_square + eps s²) for a mean of squares of numbers that s has scaled.

    Where eps s² is below the smallest normal number, that number stands for it: 0 / 0 is NaN.
    """
    xp = array_namespace(mean_square)
    tiny = float(xp.finfo(mean_square.dtype).smallest_normal)
    return 1 / xp.sqrt(xp.maximum(mean_square + eps * (scale * scale), tiny))


def centred(
    x: Array, axes: Any, over: Callable[[Array, str], Array] | None = None, n: int | None = None
) -> tuple[Array, Array, Array]:
    """Return s, the mean of s x and s x - mean over some axes, s from `scale_for_squares`.

    The mean is that of the distances d = x - max(x) <= 0: these are exact where the numbers are
    equal, and small where they are nearly equal, so that nothing cancels. As no d is positive, none
    is larger than their sum: s is known without another look at them.

    Where other ranks have numbers of the same mean, over(array, "max" or "sum") is taken over all
    of them, and n is how many numbers these are.
    """
    xp = array_namespace(x)
    if over is None:
        largest, n = xp.max(x, axis=axes, keepdims=True), prod(x.shape[axis] for axis in axes)
    else:
        largest = over(_largest(x, axes), "max")
    distances = x - largest
    total = xp.sum(distances, axis=axes, keepdims=True)
    total = total if over is None else over(total, "sum")
    scale = scale_for_squares(-total)
    mean = total / n
    return scale, (largest + mean) * scale, (distances - mean) * scale


def _largest(x: Array, axes: Any) -> Array:
    """Return max(x), of no numbers -inf."""
    xp = array_namespace(x)
    if 0 not in x.shape:
        return xp.max(x, axis=axes, keepdims=True)
    return xp.sum(x, axis=axes, keepdims=True) - inf
