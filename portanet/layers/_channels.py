"""Channels: axis 1 of x in every layer of portanet."""

from math import prod

from portanet.backends import array_namespace
from portanet.errors import ShapeError
from portanet.typing import Array


def check_channels(
    who: object, x: Array, channels: int, wanted: str, ndims: tuple[int, ...] = ()
) -> None:
    """Raise ShapeError unless axis 1 of x has `channels` entries and x.ndim is one of ndims."""
    if x.ndim < 2 or x.shape[1] != channels or (ndims and x.ndim not in ndims):
        fits = x.ndim >= 2 and (not ndims or x.ndim in ndims)
        advice = f"for this x channels={x.shape[1]}" if fits else "channels are axis 1 of x"
        raise ShapeError(f"{who}: x must be {wanted}, is {tuple(x.shape)}; {advice}")


def other_axes(x: Array) -> tuple[int, ...]:
    """Return all axes except the channels."""
    return (0, *range(2, x.ndim))


def values_per_channel(x: Array) -> int:
    """Return the number of values in each channel of x."""
    return prod(x.shape[axis] for axis in other_axes(x))


def along_channels(value: Array, x: Array) -> Array:
    """Return value (channels,) in the shape that broadcasts along axis 1 of x."""
    return array_namespace(value).reshape(value, (1, -1, *(1,) * (x.ndim - 2)))
