"""Matrix products in CuPy kernels of several launches; they can be captured."""

import cupy as cp

from portanet.backends._cupy.blas import Products
from portanet.backends._gemm import can_multiply

_DTYPES = ("float32", "float64", "float16")


class _CurrentMemory:
    """The current allocator: CuPy's pool, or that of a plan."""

    def empty(self, shape: tuple[int, ...], dtype: str) -> cp.ndarray:
        return cp.empty(shape, dtype)


def matmul(a: cp.ndarray, b: cp.ndarray, out: cp.ndarray) -> None:
    """Set out to the matrix products a b; operands with unsupported strides are copied.

    cuBLAS' workspace is allocated in each call, like all temporaries of a kernel, so that plans or
    streams do not share one.

    Shapes: a (..., m, k), b (..., k, n), out (..., m, n). Other dtypes than these are
    multiplied by CuPy, which cannot be captured.
    """
    if {str(x.dtype) for x in (a, b, out)} not in [{dtype} for dtype in _DTYPES]:
        cp.matmul(a, b, out=out)
        return
    if not can_multiply(a, b, out, strided=True):  # pointers would be sent from the host each time
        a, b = _laid_out(a, out), _laid_out(b, out)
    Products(_CurrentMemory()).matmul(a, b, out)


def _laid_out(x: cp.ndarray, out: cp.ndarray) -> cp.ndarray:
    """Return a contiguous copy, broadcast to the batch of `out`."""
    return cp.ascontiguousarray(cp.broadcast_to(x, (*out.shape[:-2], *x.shape[-2:])))
