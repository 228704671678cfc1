"""LazyBatch: a batch before its samples are gathered, so that a step can put them in place."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

from portanet.backends import array_namespace
from portanet.typing import Array

Batch = tuple[Array, Array]
Kind = tuple[Any, ...]  # (x.shape, y.shape, x.dtype, y.dtype)
WHOLE = slice(None)


class LazyBatch:
    """One batch that is yet to be gathered: the rows order[part] of X and y (order None: part).

    With the part WHOLE and no order, X and y are the batch. Batches of one `kind` have the same
    shapes and dtypes.
    """

    __slots__ = ("X", "kind", "order", "part", "y")

    def __init__(
        self, X: Array, y: Array, kind: Kind, order: Array | None = None, part: slice = WHOLE
    ) -> None:
        self.X, self.y, self.kind, self.order, self.part = X, y, kind, order, part

    def gathered(self) -> Batch:
        """Return the batch as arrays of its own, or as views."""
        if self.part is WHOLE:
            return self.X, self.y
        if self.order is None:
            return self.X[self.part, ...], self.y[self.part, ...]
        xp, rows = array_namespace(self.X), self.order[self.part]
        return xp.take(self.X, rows, axis=0), xp.take(self.y, rows, axis=0)


def whole(X: Array, y: Array) -> LazyBatch:
    """Return a batch that lies there already."""
    return LazyBatch(X, y, (X.shape, y.shape, X.dtype, y.dtype))


def cut(X: Array, y: Array, order: Array | None, parts: Sequence[slice]) -> Iterator[LazyBatch]:
    """Return the batches of an epoch: each has the samples of one part of the order."""
    lengths = [part.stop - part.start for part in parts]
    kinds = {n: ((n, *X.shape[1:]), (n, *y.shape[1:]), X.dtype, y.dtype) for n in set(lengths)}
    of_each = [kinds[n] for n in lengths]
    return map(LazyBatch, repeat(X), repeat(y), of_each, repeat(order), parts)
