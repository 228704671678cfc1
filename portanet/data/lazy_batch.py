"""LazyBatch: a batch before its samples are gathered, so that a step can put them in place."""

from portanet.backends import array_namespace
from portanet.typing import Array

Batch = tuple[Array, Array]
WHOLE = slice(None)


class LazyBatch:
    """One batch that is yet to be gathered: the rows order[part] of X and y (order None: part).

    With the part WHOLE and no order, X and y are the batch.
    """

    __slots__ = ("X", "order", "part", "x_dtype", "x_shape", "y", "y_dtype", "y_shape")

    def __init__(self, X: Array, y: Array, order: Array | None = None, part: slice = WHOLE) -> None:
        self.X, self.y, self.order, self.part = X, y, order, part
        n = X.shape[0] if part is WHOLE else part.stop - part.start
        self.x_shape, self.y_shape = (n, *X.shape[1:]), (n, *y.shape[1:])
        self.x_dtype, self.y_dtype = X.dtype, y.dtype

    def gathered(self) -> Batch:
        """Return the batch as arrays of its own, or as views."""
        if self.part is WHOLE:
            return self.X, self.y
        if self.order is None:
            return self.X[self.part, ...], self.y[self.part, ...]
        xp, rows = array_namespace(self.X), self.order[self.part]
        return xp.take(self.X, rows, axis=0), xp.take(self.y, rows, axis=0)
