"""Matrix products by cuBLAS on the current stream, also while it is captured.

CuPy's own products raise while a stream is captured; cuBLAS supports capture. So the library that
CuPy has loaded is called through ctypes, with a separate handle.
"""

import ctypes
import threading
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Protocol

from portanet.backends._cupy.requirements import cublas_path
from portanet.backends._gemm import Gemm, gemm
from portanet.errors import BackendError, PlacementError
from portanet.typing import Array

_STATUS = {
    1: "NOT_INITIALIZED", 3: "ALLOC_FAILED", 7: "INVALID_VALUE", 8: "ARCH_MISMATCH",
    11: "MAPPING_ERROR", 13: "EXECUTION_FAILED", 14: "INTERNAL_ERROR", 15: "NOT_SUPPORTED",
    16: "LICENSE_ERROR",
}  # fmt: skip
_DEFAULT_MATH = 0  # float32 stays float32: no TF32
_POINTER, _INT, _LONG = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
_NUMBER = {"float32": ctypes.c_float, "float64": ctypes.c_double}
_LETTER = {"float32": "S", "float64": "D"}
_MIB = 2**20


class Memory(Protocol):
    """An allocator for the workspace."""

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Return an uninitialized array."""
        ...


class Products:
    """Products of float32 or float64 arrays, written into existing arrays.

    A product allocates nothing: cuBLAS uses a workspace that belongs to this object, so that graphs
    of two objects can run concurrently. Results are reproducible.

    Raises MissingBackendError if cuBLAS is not found.
    """

    def __init__(self, memory: Memory) -> None:
        import cupy as cp

        _handle(cp.cuda.runtime.getDevice())  # created now: not possible during a capture
        self._workspace = None
        if hasattr(_library(), "cublasSetWorkspace_v2"):  # since cuBLAS 11.2
            self._workspace = memory.empty((_workspace_size(),), "uint8")

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        """Set out to the matrix product a b (see `prepare`)."""
        self.prepare(a, b, out)()

    def prepare(self, a: Array, b: Array, out: Array) -> "Product | Callable[[], None]":
        """Return a call that sets out to the matrix product a b.

        Shapes: as in matmul: a (..., m, k) or (k,), b (..., k, n) or (k,). `out` may not share
        memory with a or b. The call keeps references to all three.

        Raises ShapeError, DtypeError or ArgumentError (for strides) as `gemm` does,
        PlacementError unless all lie on the current device; the call raises BackendError with
        cuBLAS' status.
        """
        request = gemm(a, b, out)
        _check_place(a, b, out)
        if out.size == 0:
            return lambda: None
        return Product(self, request, a, b, out)

    def _bound_handle(self) -> int:
        """Return the handle, set to the current stream and this object's workspace."""
        import cupy as cp

        handle = _handle(cp.cuda.runtime.getDevice())
        stream = cp.cuda.get_current_stream().ptr
        _check("cublasSetStream_v2", _library().cublasSetStream_v2(handle, stream))
        if self._workspace is not None:  # setting the stream has reset it
            _check("cublasSetWorkspace_v2", _library().cublasSetWorkspace_v2(
                handle, self._workspace.data.ptr, self._workspace.nbytes
            ))  # fmt: skip
        return handle


class Product:
    """A cuBLAS call with its arguments bound."""

    def __init__(self, products: Products, request: Gemm, a: Array, b: Array, out: Array) -> None:
        dtype = str(out.dtype)
        form = "gemm_v2" if request.count == 1 else "gemmStridedBatched"
        self._name, self._request = f"cublas{_LETTER[dtype]}{form}", request
        self._routine = getattr(_library(), self._name)
        self._arguments = _arguments(request, a, b, out, dtype)
        self._products, self._arrays = products, (a, b, out)  # keeps their memory alive

    def __call__(self) -> None:
        self.check(self.ready()())

    def ready(self) -> Callable[[], int]:
        """Return a C-level call of cuBLAS on the current stream; it returns a status."""
        return partial(self._routine, self._products._bound_handle(), *self._arguments)

    def check(self, status: int) -> None:
        """Raise BackendError unless a call's status is 0."""
        _check(self._name, status, self._request)


_of_thread = threading.local()  # the stream is state of a handle: threads must not share one


def _handle(device: int) -> int:
    """Return the handle of this thread for a device."""
    handles = _of_thread.__dict__.setdefault("handles", {})
    if device not in handles:
        value = _POINTER()
        _check("cublasCreate_v2", _library().cublasCreate_v2(ctypes.byref(value)))
        _check("cublasSetMathMode", _library().cublasSetMathMode(value, _DEFAULT_MATH))
        handles[device] = value.value
    return handles[device]


def _arguments(request: Gemm, a: Array, b: Array, out: Array, dtype: str) -> tuple[Any, ...]:
    """Return the arguments of gemm, or of its batched form, after the handle."""
    r, number = request, _NUMBER[dtype]
    left, right = (a, b) if r.a_is_first else (b, a)
    one, zero = ctypes.byref(number(1)), ctypes.byref(number(0))
    sizes = (int(r.transpose_a), int(r.transpose_b), r.m, r.n, r.k, one)
    A, B, C = (x.data.ptr for x in (left, right, out))
    if r.count == 1:
        return (*sizes, A, r.lda, B, r.ldb, zero, C, r.ldc)
    matrices = (A, r.lda, r.stride_a, B, r.ldb, r.stride_b)
    return (*sizes, *matrices, zero, C, r.ldc, r.stride_c, r.count)


@cache
def _library() -> Any:
    """Return cuBLAS with the argument types of the functions used here."""
    import cupy as cp

    library = ctypes.CDLL(cublas_path(cp))
    size = [_INT] * 5
    for letter in "SD":
        plain = getattr(library, f"cublas{letter}gemm_v2")
        plain.argtypes = [_POINTER, *size, _POINTER, _POINTER, _INT, _POINTER, _INT, _POINTER,
                          _POINTER, _INT]  # fmt: skip
        batched = getattr(library, f"cublas{letter}gemmStridedBatched")
        batched.argtypes = [_POINTER, *size, _POINTER, _POINTER, _INT, _LONG, _POINTER, _INT, _LONG,
                            _POINTER, _POINTER, _INT, _LONG, _INT]  # fmt: skip
    library.cublasCreate_v2.argtypes = [_POINTER]
    library.cublasSetStream_v2.argtypes = [_POINTER, _POINTER]
    library.cublasSetMathMode.argtypes = [_POINTER, _INT]
    if hasattr(library, "cublasSetWorkspace_v2"):
        library.cublasSetWorkspace_v2.argtypes = [_POINTER, _POINTER, ctypes.c_size_t]
    return library


def _workspace_size() -> int:
    """Return the size that NVIDIA recommends: 32 MiB from Hopper on (9.0), 4 MiB before."""
    import cupy as cp

    return (32 if int(cp.cuda.Device().compute_capability) >= 90 else 4) * _MIB


def _check(name: str, status: int, request: Gemm | None = None) -> None:
    if status:
        asked = f" for {request}" if request else ""
        raise BackendError(
            f"cuBLAS: {name} gave the status {status} "
            f"(CUBLAS_STATUS_{_STATUS.get(status, 'unknown')}){asked}"
        )


def _check_place(*arrays: Array) -> None:
    import cupy as cp

    current = cp.cuda.Device()
    for x in arrays:
        if not isinstance(x, cp.ndarray) or x.device != current:
            raise PlacementError(
                f"matmul: all arrays must lie on the current CUDA device, {current}; one is "
                f"{type(x).__name__} on {getattr(x, 'device', 'the host')}"
            )
