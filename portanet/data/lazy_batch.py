"""LazyBatch: a batch before its samples are gathered, so that a step can put them in place."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

from portanet.backends import array_namespace
from portanet.several import SEVERAL, Arrays, kind_of, map_parts
from portanet.typing import Array

Batch = tuple[Any, Any]  # x and y, each one array or several
Kind = tuple[Any, ...]  # (x.shape, y.shape, x.dtype, y.dtype), or the like of several arrays
WHOLE = slice(None)


class LazyBatch:
    """One batch that is yet to be gathered: the rows order[part] of X and y (order None: part).

    With the part WHOLE and no order, X and y are the batch. Batches of one `kind` have the same
    shapes and dtypes. `n_joined` is the length of the batch that ranks share, of which these are
    the rows of one; None without ranks.
    """

    __slots__ = ("X", "kind", "n_joined", "order", "part", "y")

    def __init__(
        self, X: Arrays, y: Arrays, kind: Kind, order: Array | None = None, part: slice = WHOLE
    ) -> None:
        self.X, self.y, self.kind, self.order, self.part = X, y, kind, order, part
        self.n_joined: int | None = None

    def gathered(self) -> Batch:
        """Return the batch as arrays of its own, or as views."""
        if self.part is WHOLE:
            return self.X, self.y
        if self.order is None:
            return tuple(map_parts(lambda x: x[self.part, ...], of) for of in (self.X, self.y))
        rows = self.order[self.part]
        return tuple(map_parts(lambda x: _take(x, rows), of) for of in (self.X, self.y))


def whole(X: Arrays, y: Arrays) -> LazyBatch:
    """Return a batch that lies there already."""
    return LazyBatch(X, y, kind_of_batch(X, y))


def cut(X: Arrays, y: Arrays, order: Array | None, parts: Sequence[slice]) -> Iterator[LazyBatch]:
    """Return the batches of an epoch: each has the samples of one part of the order."""
    lengths = [part.stop - part.start for part in parts]
    kinds = {n: kind_of_batch(X, y, n) for n in set(lengths)}
    of_each = [kinds[n] for n in lengths]
    return map(LazyBatch, repeat(X), repeat(y), of_each, repeat(order), parts)


def kind_of_batch(X: Arrays, y: Arrays, n: int | None = None) -> Kind:
    """Return what batches have in common that one plan can take; n samples of X and y."""
    try:
        if n is None:
            return X.shape, y.shape, X.dtype, y.dtype
    except AttributeError:  # several arrays
        return kind_of(X), kind_of(y)
    if isinstance(X, SEVERAL) or isinstance(y, SEVERAL):
        return kind_of(X, n), kind_of(y, n)
    return (n, *X.shape[1:]), (n, *y.shape[1:]), X.dtype, y.dtype


def _take(x: Array, rows: Array) -> Array:
    return array_namespace(x).take(x, rows, axis=0)
