"""The cuBLAS that CuPy has loaded, called through ctypes."""

import ctypes
from functools import cache
from typing import Any

from portanet.backends._cupy.requirements import cublas_path
from portanet.errors import BackendError

_STATUS = {
    1: "NOT_INITIALIZED", 3: "ALLOC_FAILED", 7: "INVALID_VALUE", 8: "ARCH_MISMATCH",
    11: "MAPPING_ERROR", 13: "EXECUTION_FAILED", 14: "INTERNAL_ERROR", 15: "NOT_SUPPORTED",
    16: "LICENSE_ERROR",
}  # fmt: skip
POINTER = ctypes.c_void_p
_INT, _LONG = ctypes.c_int, ctypes.c_longlong
_DEFAULT_MATH = 0  # float32 stays float32: no TF32


def create_handle() -> int:
    """Return a new handle on the current device. Raises BackendError if there is no memory."""
    value = POINTER()
    check("cublasCreate_v2", library().cublasCreate_v2(ctypes.byref(value)))
    check("cublasSetMathMode", library().cublasSetMathMode(value, _DEFAULT_MATH))
    assert value.value is not None  # cuBLAS has said that it made one
    return value.value


def destroy_handle(handle: int) -> None:
    """Give a handle's memory back; this waits for the device."""
    check("cublasDestroy_v2", library().cublasDestroy_v2(handle))


@cache
def library() -> Any:
    """Return cuBLAS with the argument types of the functions used here.

    Raises MissingBackendError if it is not found.
    """
    import cupy as cp

    found = ctypes.CDLL(cublas_path(cp))
    size = [_INT] * 5
    for letter in "SD":
        plain = getattr(found, f"cublas{letter}gemm_v2")
        plain.argtypes = [POINTER, *size, POINTER, POINTER, _INT, POINTER, _INT, POINTER,
                          POINTER, _INT]  # fmt: skip
        strided = getattr(found, f"cublas{letter}gemmStridedBatched")
        strided.argtypes = [POINTER, *size, POINTER, POINTER, _INT, _LONG, POINTER, _INT, _LONG,
                            POINTER, POINTER, _INT, _LONG, _INT]  # fmt: skip
        batched = getattr(found, f"cublas{letter}gemmBatched")
        batched.argtypes = [*plain.argtypes, _INT]
    # with types of the matrices, and at the end of the sum and of the algorithm
    found.cublasGemmEx.argtypes = [POINTER, *size, POINTER, POINTER, _INT, _INT, POINTER, _INT,
                                   _INT, POINTER, POINTER, _INT, _INT, _INT, _INT]  # fmt: skip
    found.cublasGemmStridedBatchedEx.argtypes = [
        POINTER, *size, POINTER, POINTER, _INT, _INT, _LONG, POINTER, _INT, _INT, _LONG, POINTER,
        POINTER, _INT, _INT, _LONG, _INT, _INT, _INT,
    ]  # fmt: skip
    found.cublasCreate_v2.argtypes = [POINTER]
    found.cublasDestroy_v2.argtypes = [POINTER]
    found.cublasSetStream_v2.argtypes = [POINTER, POINTER]
    found.cublasSetMathMode.argtypes = [POINTER, _INT]
    if hasattr(found, "cublasSetWorkspace_v2"):
        found.cublasSetWorkspace_v2.argtypes = [POINTER, POINTER, ctypes.c_size_t]
    return found


def check(name: str, status: int, request: object = None) -> None:
    """Raise BackendError unless the status that a function gave is 0."""
    if status:
        asked = f" for {request}" if request else ""
        raise BackendError(
            f"cuBLAS: {name} gave the status {status} "
            f"(CUBLAS_STATUS_{_STATUS.get(status, 'unknown')}){asked}"
        )
