"""The joined batch: in data-parallel training each rank has some rows of a batch that all share.

The few places where a step needs more than the rows that lie here ask for it by these functions:

    joined_rows      the N in a loss's 1/N
    joined           a sum (or the largest) over all ranks: gradients, weights of samples, moments
    first_here       where this rank's rows begin, for what is drawn row by row

Elsewhere, and on one rank, there is no `Share`, and each of them gives back what it was given. So
the readable step stays what it is, and N ranks compute what one computes with the joined batch.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from portanet.backends import array_namespace
from portanet.errors import ShapeError
from portanet.typing import Array

Reduce = Callable[..., Array]


@dataclass(frozen=True)
class Share:
    """Which rows of the joined batch a rank has: those from `start` to `stop`, of n.

    reduce  (array, "sum" or "max", out=None) -> the same over all ranks, in another array
    host    the same for a few float64 numbers of the host, what ranks have to agree on: no out
    ranks   how many there are
    """

    n: int
    start: int
    stop: int
    reduce: Reduce
    host: Reduce
    ranks: int

    @property
    def place(self) -> tuple[int, int, int]:
        """What a compiled step depends on."""
        return self.n, self.start, self.stop

    def reducing(self, reduce: Reduce) -> "Share":
        """Return the same share with another way to reduce: one that is traced, or played back."""
        return replace(self, reduce=reduce)


_share: ContextVar[Share | None] = ContextVar("share", default=None)


def present_share() -> Share | None:
    """Return this rank's share of the step that is being taken; None: it has the whole batch."""
    return _share.get()


@contextmanager
def sharing(share: Share | None) -> Iterator[None]:
    """Within this block steps are taken with a share of a batch."""
    token = _share.set(share)
    try:
        yield
    finally:
        with suppress(ValueError):  # another context: an interrupt has ended the block from there
            _share.reset(token)


def joined_rows(who: str, n: int) -> int:
    """Return how many rows the joined batch has where n are here.

    Raises ShapeError where rows are no samples: of how many on the other ranks nobody knows.
    """
    share = _share.get()
    if share is None:
        return n
    if n != share.stop - share.start:
        raise ShapeError(
            f"{who}: in data-parallel training the first axis must be that of the samples, of "
            f"which there are {share.stop - share.start} here; it has {n}. Keep the samples along "
            "the first axis, or train on one rank"
        )
    return share.n


def joined(x: Array, how: str = "sum") -> Array:
    """Return the sum over all ranks of an array that each of them has, or ("max") the largest."""
    share = _share.get()
    return x if share is None else share.reduce(x, how)


def joined_sums(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the sums over all ranks of several arrays by name: in one buffer, by one call."""
    if _share.get() is None or not arrays:
        return dict(arrays)
    xp = array_namespace(next(iter(arrays.values())))
    flat = joined(xp.concat([xp.reshape(array, (-1,)) for array in arrays.values()]))
    found, start = {}, 0
    for name, array in arrays.items():
        stop = start + prod(array.shape)
        found[name], start = xp.reshape(flat[start:stop], tuple(array.shape)), stop
    return found


def first_here(who: str, shape: tuple[int, ...]) -> int:
    """Return how many numbers of an array like this, of the joined batch, come before those here.

    Raises ShapeError unless the first axis is that of the samples.
    """
    share = _share.get()
    if share is None:
        return 0
    joined_rows(who, shape[0] if shape else -1)
    return share.start * prod(shape[1:])


def agreed(number: float, how: str = "max") -> float:
    """Return the largest of a number of the host over all ranks, or ("sum") their sum.

    Every rank must ask at the same place.
    """
    share = _share.get()
    if share is None:
        return number
    return float(share.host(np.asarray([number], np.float64), how)[0])
