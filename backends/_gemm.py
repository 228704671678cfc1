"""How a product of row-major arrays is told to BLAS, which counts in columns.

A row-major matrix is, to BLAS, the transpose of a column-major one. So out = a b is asked for as
outᵀ = bᵀ aᵀ: the operands change places, and nothing is copied or turned over. Only shapes and
strides are looked at, so that this file needs no device.
"""

from dataclasses import dataclass
from math import prod

from portanet.backends._gemm_stack import Stack, one_stride
from portanet.errors import ArgumentError, DtypeError, ShapeError
from portanet.typing import Array

_INT32 = 2**31 - 1  # the largest sizes of BLAS' usual interface


@dataclass(frozen=True, kw_only=True)
class Gemm:
    """C = op(A) op(B), column-major, once for each index of `batch`.

    Sizes: op(A) is (m, k), op(B) is (k, n), C is (m, n). `a_is_first` says that BLAS' A is the
    caller's left operand; usually it is the right one. Leading dimensions, and the strides of the
    batch's axes, in items.
    """

    a_is_first: bool
    transpose_a: bool
    transpose_b: bool
    m: int
    n: int
    k: int
    lda: int
    ldb: int
    ldc: int
    batch: tuple[int, ...]
    strides_a: tuple[int, ...]
    strides_b: tuple[int, ...]
    strides_c: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many products there are."""
        return prod(self.batch)

    @property
    def batch_strides(self) -> tuple[int, int, int] | None:
        """The strides from matrix to matrix of A, B and C; None if one of them has several."""
        of_axes = (self.strides_a, self.strides_b, self.strides_c)
        a, b, c = (one_stride(self.batch, strides) for strides in of_axes)
        return None if a is None or b is None or c is None else (a, b, c)


def gemm(a: Array, b: Array, out: Array) -> Gemm:
    """Return how BLAS is asked for out = a b.

    Shapes: as in matmul: a (..., m, k) or (k,), b (..., k, n) or (k,), out (..., m, n) without
    the axes that a vector has not. A batch is equal or broadcast.

    Raises ShapeError unless the shapes fit, DtypeError unless all three are float32, all float64
    or all float16, ArgumentError if one lies in memory as BLAS cannot read it: in each matrix
    either the rows or the columns must be contiguous.
    """
    _check(a, b, out)
    left, right = Stack.of(a, row=a.ndim == 1), Stack.of(b, column=b.ndim == 1)
    batch = _batch(left, right)
    _check_shapes(a, b, out, left, right, batch)
    result = Stack.of(out, row=a.ndim == 1, column=b.ndim == 1)
    return _describe(left.broadcast(batch), right.broadcast(batch), result)


def can_multiply(a: Array, b: Array, out: Array, *, strided: bool = False) -> bool:
    """Return whether `gemm` takes these three as they lie; with `strided`, by one stride each.

    A batch with several strides needs a list of pointers to its matrices on the device.
    """
    try:
        request = gemm(a, b, out)
    except (ArgumentError, DtypeError, ShapeError):
        return False
    return not strided or request.batch_strides is not None


def _check(a: Array, b: Array, out: Array) -> None:
    dtypes = [str(x.dtype) for x in (a, b, out)]
    if len(set(dtypes)) > 1 or dtypes[0] not in ("float32", "float64", "float16"):
        raise DtypeError(
            "matmul: a, b and out must all be float32 or all float64, or all float16, are "
            f"{', '.join(dtypes)}"
        )
    if min(a.ndim, b.ndim) == 0:
        raise ShapeError("matmul: a and b must be vectors, matrices or batches, one is a number")


def _batch(left: Stack, right: Stack) -> tuple[int, ...]:
    import numpy as np

    try:
        return np.broadcast_shapes(left.batch, right.batch)
    except ValueError:
        raise ShapeError(
            f"matmul: the batches {left.batch} and {right.batch} do not broadcast"
        ) from None


def _check_shapes(
    a: Array, b: Array, out: Array, left: Stack, right: Stack, batch: tuple[int, ...]
) -> None:
    rows = () if a.ndim == 1 else (left.rows,)
    columns = () if b.ndim == 1 else (right.columns,)
    if left.columns != right.rows or tuple(out.shape) != (*batch, *rows, *columns):
        raise ShapeError(
            f"matmul: a (..., m, k), b (..., k, n) and out (..., m, n) do not fit: "
            f"{tuple(a.shape)}, {tuple(b.shape)}, {tuple(out.shape)}"
        )


def _describe(a: Stack, b: Stack, out: Stack) -> Gemm:
    tall_a, tall_out = a.tall(), out.tall()
    if tall_a and tall_out and not any(b.batch_strides):
        a, b, out = tall_a, b.alone(), tall_out  # a batch against one matrix: one tall product
    turned, ldc = out.leading("out")
    if turned:  # column-major already, which is BLAS' own order
        return _ask(True, a.transposed(), b.transposed(), out, ldc)
    return _ask(False, b, a, out.transposed(), ldc)


def _ask(a_is_first: bool, a: Stack, b: Stack, c: Stack, ldc: int) -> Gemm:
    """Put a request together: what is row-major here is its own transpose to BLAS."""
    name_a, name_b = ("a", "b") if a_is_first else ("b", "a")
    transpose_a, lda = a.leading(name_a)
    transpose_b, ldb = b.leading(name_b)
    sizes = {"m": c.rows, "n": c.columns, "k": a.rows, "lda": lda, "ldb": ldb, "ldc": ldc}
    if max(*sizes.values(), c.count) > _INT32:
        raise ShapeError(
            f"matmul: sizes and strides may be {_INT32} at most: {sizes}, count {c.count}"
        )
    return Gemm(
        a_is_first=a_is_first, transpose_a=transpose_a, transpose_b=transpose_b, **sizes,
        batch=c.batch, strides_a=a.batch_strides, strides_b=b.batch_strides,
        strides_c=c.batch_strides,
    )  # fmt: skip
