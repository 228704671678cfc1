"""Matrix products by cuBLAS on the current stream, also while it is captured.

CuPy's own products raise while a stream is captured; cuBLAS supports capture. So the library that
CuPy has loaded is called through ctypes, with a separate handle.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from portanet.backends._cupy.blas_handle import handle_of_thread
from portanet.backends._cupy.blas_library import check, library
from portanet.backends._gemm import Gemm, gemm
from portanet.backends._gemm_stack import offsets
from portanet.errors import ArgumentError, PlacementError
from portanet.typing import Array

_NUMBER = {"float32": ctypes.c_float, "float64": ctypes.c_double, "float16": ctypes.c_float}
# Matrices of a batch lie one stride apart; pointers to each, made once, save copying what does not
_ONE, _BY_STRIDE, _BY_POINTERS = "gemm", "gemmStridedBatched", "gemmBatched"
_NAMES = {
    "float32": {form: f"cublasS{form}" for form in (_BY_STRIDE, _BY_POINTERS)},
    "float64": {form: f"cublasD{form}" for form in (_BY_STRIDE, _BY_POINTERS)},
    "float16": {_ONE: "cublasGemmEx", _BY_STRIDE: "cublasGemmStridedBatchedEx"},
}
_NAMES["float32"][_ONE], _NAMES["float64"][_ONE] = "cublasSgemm_v2", "cublasDgemm_v2"
# cuBLAS' numbers for float16 matrices, for sums in float32, and for an algorithm of its choice
_HALF, _IN_FLOAT32, _ANY = 2, 68, -1
_MIB = 2**20


class Memory(Protocol):
    """An allocator for the workspace, and for pointers to matrices."""

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Return an uninitialized array."""
        ...


class Products:
    """Products of float32, float64 or float16 arrays, written into existing arrays.

    Those of float16 are added up in float32 and rounded once; matrices of a batch must lie one
    stride apart.

    A product allocates nothing: cuBLAS uses a workspace that belongs to this object, so that graphs
    of two objects can run concurrently. Results are reproducible.

    Raises MissingBackendError if cuBLAS is not found.
    """

    def __init__(self, memory: Memory) -> None:
        import cupy as cp

        handle_of_thread(cp.cuda.runtime.getDevice())  # created now: not possible during a capture
        self.memory, self._workspace = memory, None
        if hasattr(library(), "cublasSetWorkspace_v2"):  # since cuBLAS 11.2
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

        handle = handle_of_thread(cp.cuda.runtime.getDevice())
        stream = cp.cuda.get_current_stream().ptr
        check("cublasSetStream_v2", library().cublasSetStream_v2(handle, stream))
        if self._workspace is not None:  # setting the stream has reset it
            check("cublasSetWorkspace_v2", library().cublasSetWorkspace_v2(
                handle, self._workspace.data.ptr, self._workspace.nbytes
            ))  # fmt: skip
        return handle


class Product:
    """A cuBLAS call with its arguments bound."""

    def __init__(self, products: Products, request: Gemm, a: Array, b: Array, out: Array) -> None:
        dtype, form = str(out.dtype), _form(request)
        left, right = (a, b) if request.a_is_first else (b, a)
        self._arrays = [left, right, out]  # keeps their memory alive
        addresses = [x.data.ptr for x in self._arrays]
        if form == _BY_POINTERS:
            self._arrays.append(_pointers(request, addresses, out.itemsize, products.memory))
            addresses = [row.data.ptr for row in self._arrays[-1]]
        if form not in _NAMES[dtype]:
            raise ArgumentError(
                "matmul: float16 matrices of a batch must lie one stride apart; copy what does not"
            )
        self._name, self._request = _NAMES[dtype][form], request
        self._routine = getattr(library(), self._name)
        self._arguments = _arguments(form, request, addresses, dtype)
        self._products = products

    def __call__(self) -> None:
        self.check(self.ready()())

    def ready(self) -> Callable[[], int]:
        """Return a C-level call of cuBLAS on the current stream; it returns a status."""
        return partial(self._routine, self._products._bound_handle(), *self._arguments)

    def check(self, status: int) -> None:
        """Raise BackendError unless a call's status is 0."""
        check(self._name, status, self._request)


def _form(request: Gemm) -> str:
    """Return which of cuBLAS' routines multiplies."""
    if request.count == 1:
        return _ONE
    return _BY_POINTERS if request.batch_strides is None else _BY_STRIDE


def _pointers(request: Gemm, starts: Sequence[int], itemsize: int, memory: Memory) -> Array:
    """Return the addresses of all matrices of A, B and C, as rows of an array on the device."""
    import cupy as cp
    import numpy as np

    of_axes = (request.strides_a, request.strides_b, request.strides_c)
    items = np.asarray([offsets(request.batch, strides) for strides in of_axes])
    pointers = memory.empty(items.shape, "int64")
    addresses = np.asarray(starts)[:, None] + itemsize * items
    pointers.set(addresses, stream=cp.cuda.get_current_stream())
    return pointers


def _arguments(form: str, request: Gemm, addresses: Sequence[int], dtype: str) -> tuple[Any, ...]:
    """Return the arguments of gemm, or of one of its other forms, after the handle."""
    r, number = request, _NUMBER[dtype]
    kind = (_HALF,) if dtype == "float16" else ()
    strides = [(s,) for s in r.batch_strides or ()] if form == _BY_STRIDE else [()] * 3
    places = zip(addresses, (r.lda, r.ldb, r.ldc), strides, strict=True)
    a, b, c = ((address, *kind, leading, *stride) for address, leading, stride in places)
    one, zero = ctypes.byref(number(1)), ctypes.byref(number(0))
    count = () if form == _ONE else (r.count,)
    sizes = (int(r.transpose_a), int(r.transpose_b), r.m, r.n, r.k)
    return (*sizes, one, *a, *b, zero, *c, *count, *((_IN_FLOAT32, _ANY) if kind else ()))


def _workspace_size() -> int:
    """Return the size that NVIDIA recommends: 32 MiB from Hopper on (9.0), 4 MiB before."""
    import cupy as cp

    return (32 if int(cp.cuda.Device().compute_capability) >= 90 else 4) * _MIB


def _check_place(*arrays: Array) -> None:
    import cupy as cp

    current = cp.cuda.Device()
    for x in arrays:
        if not isinstance(x, cp.ndarray) or x.device != current:
            raise PlacementError(
                f"matmul: all arrays must lie on the current CUDA device, {current}; one is "
                f"{type(x).__name__} on {getattr(x, 'device', 'the host')}"
            )
