"""How matrices lie in memory, as BLAS sees it: sizes and strides, no numbers."""

from dataclasses import dataclass, replace
from math import prod

from portanet.errors import ArgumentError
from portanet.typing import Array


@dataclass(frozen=True)
class Stack:
    """Matrices (rows, columns) and the batch before them; strides in items."""

    batch: tuple[int, ...]
    batch_strides: tuple[int, ...]
    rows: int
    columns: int
    row_stride: int
    column_stride: int

    @staticmethod
    def of(x: Array, *, row: bool = False, column: bool = False) -> "Stack":
        """Return how x lies; vectors along its last axis are matrices of one `row` or `column`."""
        shape, strides = list(x.shape), [s // x.dtype.itemsize for s in x.strides]
        if column:
            shape, strides = [*shape, 1], [*strides, 1]
        if row:
            shape.insert(-1, 1)
            strides.insert(-1, shape[-1])
        return Stack(tuple(shape[:-2]), tuple(strides[:-2]), *shape[-2:], *strides[-2:])

    @property
    def count(self) -> int:
        """How many matrices there are."""
        return prod(self.batch)

    def transposed(self) -> "Stack":
        """Return the same memory with rows and columns exchanged."""
        return replace(
            self,
            rows=self.columns,
            columns=self.rows,
            row_stride=self.column_stride,
            column_stride=self.row_stride,
        )

    def broadcast(self, batch: tuple[int, ...]) -> "Stack":
        """Return it for a larger batch: the same matrix again and again has the stride 0."""
        strides = tuple(
            0 if n == 1 else stride
            for n, stride in zip(self.batch, self.batch_strides, strict=True)
        )
        missing = (0,) * (len(batch) - len(strides))
        return replace(self, batch=batch, batch_strides=missing + strides)

    def leading(self, name: str) -> tuple[bool, int]:
        """Return whether the columns are contiguous rather than the rows, and the other stride.

        Raises ArgumentError if neither is.
        """
        if 0 in (self.rows, self.columns):
            return False, max(1, self.columns)
        if _contiguous(self.rows, self.columns, self.row_stride, self.column_stride):
            return False, self.row_stride if self.rows > 1 else self.columns
        if _contiguous(self.columns, self.rows, self.column_stride, self.row_stride):
            return True, self.column_stride if self.columns > 1 else self.rows
        raise ArgumentError(
            f"matmul: the rows or the columns of {name} must be contiguous, its matrices of "
            f"({self.rows}, {self.columns}) have strides of ({self.row_stride}, "
            f"{self.column_stride}); copy it"
        )

    def tall(self) -> "Stack | None":
        """Return the rows of all matrices as one matrix, None where they do not follow so."""
        stride = one_stride((*self.batch, self.rows), (*self.batch_strides, self.row_stride))
        rows = self.count * self.rows
        if stride is None or not _contiguous(rows, self.columns, stride, self.column_stride):
            return None
        return Stack((), (), rows, self.columns, stride, self.column_stride)

    def alone(self) -> "Stack":
        """Return the first matrix."""
        return replace(self, batch=(), batch_strides=())


def one_stride(shape: tuple[int, ...], strides: tuple[int, ...]) -> int | None:
    """Return the stride of all these axes taken as one, None if there is none.

    >>> one_stride((2, 3), (12, 4)), one_stride((2, 3), (16, 4))
    (4, None)
    """
    stride, size = 0, 0
    for n, step in zip(reversed(shape), reversed(strides), strict=True):
        if n == 1:
            continue
        if size == 0:
            stride, size = step, n
        elif step == stride * size:
            size *= n
        else:
            return None
    return stride


def offsets(batch: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """Return where each matrix of a batch starts, in items from the first, in order.

    >>> offsets((2, 3), (100, 4))
    [0, 4, 8, 100, 104, 108]
    """
    found = [0]
    for n, stride in zip(batch, strides, strict=True):
        found = [start + i * stride for start in found for i in range(n)]
    return found


def _contiguous(lines: int, length: int, line_stride: int, stride: int) -> bool:
    return (stride == 1 or length == 1) and (lines == 1 or line_stride >= length)
