"""cblas_?gemm for generated code: called by name, so that compiled code can be kept on disk.

An address changes from process to process. So the compiled code names a symbol, and `gemm` says
where in this process that symbol is.
"""

# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
# (numba gives its own functions other arguments than the ones it calls them with)

from functools import cache
from typing import Any

from llvmlite import binding
from numba import njit, types
from numba.extending import intrinsic

from portanet.backends._numba.math import OPTIONS
from portanet.backends._numpy import blas

_LAYOUT, _AS_IT_IS, _TRANSPOSED = blas.ROW_MAJOR, blas.AS_IT_IS, blas.TRANSPOSED


@cache
def gemm(library: str, dtype: str) -> Any:
    """Return NumPy's ("numpy") or MKL's ("mkl") gemm in dtype, to be called in generated code.

        multiply(a_transposed, b_transposed, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)

    sets C (m, n) to alpha A B + beta C. a, b and c are addresses; A is (m, k) and B (k, n) once
    transposed where that is asked for; lda, ldb and ldc are how many numbers lie from one row as it
    is in memory to the next. Returns None where there is no such library.
    """
    found = {"numpy": blas.numpy_blas, "mkl": blas.mkl}[library]()
    if found is None:
        return None
    symbol = f"portanet_{library}_gemm_{dtype}"
    binding.add_symbol(symbol, found.gemm[dtype])
    external = types.ExternalFunction(symbol, _signature(dtype, found.integer))

    @njit(forceinline=True, **OPTIONS)
    def multiply(a_transposed, b_transposed, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        a_order = _TRANSPOSED if a_transposed else _AS_IT_IS
        b_order = _TRANSPOSED if b_transposed else _AS_IT_IS
        external(_LAYOUT, a_order, b_order, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)

    return multiply


def _signature(dtype: str, integer: int) -> Any:
    size, number, address = getattr(types, f"int{integer}"), getattr(types, dtype), types.int64
    layout, left, right = [types.int32] * 3 + [size] * 3, [number, address, size], [address, size]
    return types.void(*layout, *left, *right, number, *right)


@intrinsic
def address(typing, array):  # noqa: ARG001 - numba's signature
    """Return where an array's numbers begin, as an int64."""

    def emit(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, context.get_value_type(types.int64))

    return types.int64(array), emit


def _pointer_to(dtype):
    @intrinsic
    def pointer(typing, place):  # noqa: ARG001
        def emit(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(dtype)(types.int64), emit

    return pointer


pointer32, pointer64 = _pointer_to(types.float32), _pointer_to(types.float64)
pointer_int64, pointer_uint8 = _pointer_to(types.int64), _pointer_to(types.uint8)
