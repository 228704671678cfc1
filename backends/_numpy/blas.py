"""Matrix products by address: the BLAS that NumPy itself calls, and Intel's MKL beside it.

A compiled loop cannot call np.matmul, but it can call the function that np.matmul calls, at no
cost: for the blog's 64 x 20 x 30 product 1.1 µs in place of 2.1, for its 20 x 1 x 64 0.1 in place
of 1.0.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np

ROW_MAJOR, AS_IT_IS, TRANSPOSED = 101, 111, 112  # CBLAS's names are CblasRowMajor, CblasNoTrans …

# {} is "gemm" with its letter; 64 or 32 bits in an integer. NumPy's wheels have the first.
_SYMBOLS = (
    ("scipy_cblas_{}64_", 64),
    ("cblas_{}64_", 64),
    ("cblas_{}$NEWLAPACK$ILP64", 64),  # Apple's Accelerate
    ("scipy_cblas_{}", 32),
    ("cblas_{}$NEWLAPACK", 32),
    ("cblas_{}", 32),
)
_THREADS = (
    ("scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"),
    ("openblas_get_num_threads64_", "openblas_set_num_threads64_"),
    ("scipy_openblas_get_num_threads", "scipy_openblas_set_num_threads"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
)


@dataclass(frozen=True)
class Blas:
    """Addresses of cblas_sgemm and cblas_dgemm by dtype, and the bits of their integers.

    `threads()` is how many threads a product may use, `set_threads(n)` says it; both are None
    where the library has no such functions.
    """

    name: str
    gemm: dict[str, int]
    integer: int
    threads: Callable[[], int] | None
    set_threads: Callable[[int], object] | None


@cache
def numpy_blas() -> Blas | None:
    """Return the BLAS that NumPy is linked with, or None where it is not found or miscalculates."""
    for library in _libraries():
        blas = _blas("NumPy's BLAS", library)
        if blas is not None:
            return blas
    return None


def n_threads(blas: Blas | None) -> int:
    """Return how many threads a product may use now; 1 if that is not known."""
    return 1 if blas is None or blas.threads is None else blas.threads()


@cache
def mkl() -> Blas | None:
    """Return Intel's MKL, from the package `mkl` (extra `mkl`), or None where it is not installed.

    It is given as many threads as NumPy's BLAS has now.
    """
    folders = [Path(sys.prefix, "lib"), Path(sys.prefix, "Library", "bin")]
    names = ["libmkl_rt.so*", "libmkl_rt*.dylib", "mkl_rt*.dll"]
    for path in (p for folder in folders for name in names for p in sorted(folder.glob(name))):
        library = _opened(path)
        blas = None if library is None else _blas("MKL", library)
        if blas is not None:
            ours = numpy_blas()
            if ours is not None and ours.threads is not None and blas.set_threads is not None:
                blas.set_threads(ours.threads())
            return blas
    return None


def _libraries() -> Iterator[ctypes.CDLL]:
    """Yield NumPy's own extension, through which its BLAS is found, and the libraries beside it."""
    numpy = Path(np.__file__).parent
    # a symbol is looked for in all that a library depends on, too, except on Windows
    paths = [Path(import_module("numpy._core._multiarray_umath").__file__ or "")]
    for folder in (numpy.parent / "numpy.libs", numpy / ".dylibs", numpy / ".libs"):
        paths += sorted(folder.glob("*openblas*"))
    return (library for path in paths if (library := _opened(path)) is not None)


def _opened(path: Path) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        return None


def _blas(name: str, library: ctypes.CDLL) -> Blas | None:
    """Return the library's Blas, if it has one that calculates rightly."""
    for symbol, integer in _SYMBOLS:
        gemm = {
            dtype: _address(library, symbol.format(letter + "gemm"))
            for dtype, letter in (("float32", "s"), ("float64", "d"))
        }
        if all(gemm.values()):
            blas = Blas(name, gemm, integer, *_thread_functions(library))
            return blas if all(_is_right(blas, dtype) for dtype in gemm) else None
    return None


def _address(library: ctypes.CDLL, symbol: str) -> int:
    function = getattr(library, symbol, None)
    return 0 if function is None else ctypes.cast(function, ctypes.c_void_p).value or 0


def _thread_functions(library: ctypes.CDLL) -> tuple:
    for pair in _THREADS:
        if all(hasattr(library, name) for name in pair):
            return tuple(getattr(library, name) for name in pair)
    return None, None


def prototype(dtype: str, integer: int) -> tuple:
    """Return the ctypes of cblas_?gemm's arguments."""
    number = ctypes.c_float if dtype == "float32" else ctypes.c_double
    size, enum, array = getattr(ctypes, f"c_int{integer}"), ctypes.c_int32, ctypes.c_void_p
    layout, left, right = [enum] * 3 + [size] * 3, [number, array, size], [array, size]
    return (*layout, *left, *right, number, *right)


def _is_right(blas: Blas, dtype: str) -> bool:
    """Say whether a small product comes out right: integers tell exactly."""
    a, b = np.arange(12, dtype=dtype).reshape(3, 4), np.arange(20, dtype=dtype).reshape(4, 5)
    c = np.full((3, 5), np.nan, dtype)
    _multiply(blas, a, b, c)
    return bool(np.array_equal(c, np.einsum("ik,kj->ij", a, b)))


def _multiply(blas: Blas | None, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    """Set c to a b: all (rows, columns) end to end, of one dtype."""
    assert blas is not None  # the callers looked
    dtype = a.dtype.name
    gemm = ctypes.CFUNCTYPE(None, *prototype(dtype, blas.integer))(blas.gemm[dtype])
    (m, k), n = a.shape, b.shape[1]
    left, right = (1.0, a.ctypes.data, k), (b.ctypes.data, n)
    gemm(ROW_MAJOR, AS_IT_IS, AS_IT_IS, m, n, k, *left, *right, 0.0, c.ctypes.data, n)
