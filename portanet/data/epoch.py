"""What an epoch of a loader is made of: data order in evaluations, orders and slices checked."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import numpy as np

from portanet.errors import ArgumentError, short

_in_data_order: ContextVar[bool] = ContextVar("in_data_order", default=False)


@contextmanager
def in_data_order(loader: Any) -> Iterator[None]:
    """Within this block a DataLoader does not shuffle, and counts no epoch: an evaluation."""
    epoch, token = loader.epoch, _in_data_order.set(True)
    try:
        yield
    finally:
        loader.epoch = epoch  # an order() of a subclass's may have counted one
        with suppress(ValueError):  # another context: an interrupt has ended the block from there
            _in_data_order.reset(token)


def is_in_data_order() -> bool:
    """Return whether loaders are not to shuffle now."""
    return _in_data_order.get()


def checked_order(loader: Any, order: Any) -> np.ndarray | None:
    """Return the order that a subclass gives as an array. Raises ArgumentError if it is none."""
    if order is None:
        return None
    who, n = type(loader).__name__, len(loader.ds)
    order = np.asarray(order)
    if order.ndim != 1 or order.dtype.kind not in "iu":
        raise ArgumentError(
            f"{who}.order: must return the numbers of samples, integers (n,), or None; returned "
            f"{order.dtype} {order.shape}"
        )
    outside = order[(order < 0) | (order >= n)]
    if outside.size:
        raise ArgumentError(
            f"{who}.order: must return numbers of samples in [0, {n}); returned {outside[0]}"
        )
    return order.astype(np.int64)


def checked_slice(loader: Any, part: Any, n: int) -> slice:
    """Return a slice that a subclass gives with its bounds. Raises ArgumentError if it is none."""
    start, stop, step = part.indices(n) if isinstance(part, slice) else (0, 0, 0)
    if step != 1 or stop <= start:
        raise ArgumentError(
            f"{type(loader).__name__}.slices: must return slices without a step, each of at least "
            f"one of the {n} samples of an epoch; returned {short(part)}"
        )
    return slice(start, stop)


def slices_of(n: int, size: int, *, drop_last: bool) -> list[slice]:
    """Return n samples in slices of a size; the last is shorter, or is left out.

    >>> slices_of(5, 2, drop_last=False)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    parts = [slice(stop - size, stop) for stop in range(size, n + 1, size)]
    if n % size and not drop_last:
        parts.append(slice(n - n % size, n))
    return parts
