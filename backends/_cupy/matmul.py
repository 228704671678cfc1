"""The matrix products that CuPy kernels of several launches consist of, free to be captured."""

import cupy as cp

from portanet.backends._cupy.blas import Products
from portanet.backends._gemm import can_multiply

_DTYPES = ("float32", "float64")


class _CurrentMemory:
    """Memory of whoever runs the kernel: of CuPy's pool, or of a plan that has set its own."""

    def empty(self, shape: tuple[int, ...], dtype: str) -> cp.ndarray:
        return cp.empty(shape, dtype)


def matmul(a: cp.ndarray, b: cp.ndarray, out: cp.ndarray) -> None:
    """Set out to the matrix products a b; what cuBLAS cannot read as it lies is copied before.

    cuBLAS' workspace is allocated with each call, like any temporary of the kernel: so that two
    plans, or streams, never work in the same one.

    Shapes: a (..., m, k), b (..., k, n), out (..., m, n). dtypes of others than float32 and
    float64 are CuPy's to multiply, which cannot be captured.
    """
    if {str(x.dtype) for x in (a, b, out)} not in [{dtype} for dtype in _DTYPES]:
        cp.matmul(a, b, out=out)
        return
    if not can_multiply(a, b, out):
        a, b = _laid_out(a, out), _laid_out(b, out)
    Products(_CurrentMemory()).matmul(a, b, out)


def _laid_out(x: cp.ndarray, out: cp.ndarray) -> cp.ndarray:
    """Return matrices end to end, as many as there are results."""
    return cp.ascontiguousarray(cp.broadcast_to(x, (*out.shape[:-2], *x.shape[-2:])))
