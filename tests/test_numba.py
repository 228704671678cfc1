"""What generated code is made of: BLAS by address, compiled text on disk, functions, conv and pooling loops."""

import importlib.util
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from cases_kernels import ACCELERABLE
from test_kernels import compare

from portanet import backends
from portanet.backends._numba import compiling as _numba
from portanet.backends._numba import kernels_conv as _numba_kernels_conv
from portanet.backends._numba import kernels_pool as _numba_kernels_pool
from portanet.backends._numpy import blas as _blas
from portanet.layers.convolution_functions import conv2d, conv2d_backward_x
from portanet.layers.pooling_functions import max_pool2d, max_pool2d_backward
from portanet.layers.windows import Window

pytestmark = pytest.mark.skipif(not _numba.available(), reason="numba is not installed")
FUNCTIONS = {  # in float64 by NumPy, and within how many ulps of float32
    "exp32": (np.exp, 0.52),
    "expm1_32": (np.expm1, 0.52),
    "log32": (np.log, 0.52),
    "log1p_32": (np.log1p, 0.52),
    "tanh32": (np.tanh, 0.52),
    "sigmoid32": (
        lambda x: np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x))),
        0.52,
    ),
    "erf32": (np.vectorize(math.erf), 0.63),
}
HEAD = "".join(
    f"from portanet.backends._numba.{name} import *\n" for name in ("math", "math_llvm", "gemm")
)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """One folder for all tests of a session: what one compiles, the next loads."""
    folder = tmp_path_factory.getbasetemp() / "numba"
    monkeypatch.setenv("PORTANET_CACHE", str(folder))
    return folder


@pytest.fixture
def always(monkeypatch):
    """Compiled loops for work of any size."""
    for kernels in (_numba_kernels_conv, _numba_kernels_pool):
        monkeypatch.setattr(kernels, "LEAST", 0)
        monkeypatch.setattr(kernels, "_A_THREADS", 1)


def compiled(body, signature, name="f"):
    return _numba.compile_source(HEAD + body, name, signature)


def every(step):
    """Every step-th float32 there is, and all that are special."""
    x = np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 88.72, -87.33, -103.97, -103.98, 1e-45]
    return np.concatenate([x, np.asarray(edges, np.float32)])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_nearly_as_right_as_float32_can_be(name):
    exact, limit = FUNCTIONS[name]
    x = every(200_003 if name == "erf32" else 7_919)
    y = np.empty_like(x)
    compiled(
        f"def f(x, y):\n    for i in range(x.size):\n        y[i] = {name}(x[i])\n",
        "void(float32[::1], float32[::1])",
    )(x, y)
    with np.errstate(all="ignore"):
        expected = exact(x.astype(np.float64))
        rounded = expected.astype(np.float32)
        error = np.abs(y - expected) / np.spacing(np.abs(rounded)).astype(np.float64)
    finite = np.isfinite(rounded)
    assert np.array_equal(y[~finite], rounded[~finite], equal_nan=True)
    assert np.max(error[finite]) <= limit
    zeros = x == 0
    if name in ("expm1_32", "log1p_32", "tanh32", "erf32"):
        assert np.array_equal(np.abs(y[zeros]), np.abs(x[zeros]))


def test_maximum_and_minimum_are_numpys():
    x = np.asarray([1.0, 2.0, np.nan, np.inf, -np.inf, 0.0], np.float32)
    a, b = (m.ravel().copy() for m in np.meshgrid(x, x))
    y, z = np.empty_like(a), np.empty_like(a)
    compiled(
        "def f(a, b, y, z):\n    for i in range(a.size):\n"
        "        y[i] = maximum(a[i], b[i])\n        z[i] = minimum(a[i], b[i])\n",
        "void(float32[::1], float32[::1], float32[::1], float32[::1])",
    )(a, b, y, z)
    np.testing.assert_array_equal(y, np.maximum(a, b))
    np.testing.assert_array_equal(z, np.minimum(a, b))


def test_a_sum_in_any_order_is_close_and_division_by_zero_is_inf():
    x, y = (
        np.random.default_rng(0).standard_normal(1003).astype(np.float32),
        np.empty(2, np.float32),
    )
    compiled(
        "import numpy as np\n"
        "def f(x, y):\n    total = np.float32(0)\n    for i in range(x.size):\n"
        "        total = add(total, x[i])\n    y[0] = total\n    y[1] = np.float32(1) / (total - total)\n",
        "void(float32[::1], float32[::1])",
    )(x, y)
    assert abs(y[0] - x.sum(dtype=np.float64)) < np.abs(x).sum() * 2**-23
    assert y[1] == np.inf


@pytest.mark.parametrize("library", ["numpy", "mkl"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_by_address(library, dtype):
    if (_blas.numpy_blas if library == "numpy" else _blas.mkl)() is None:
        pytest.skip(f"no BLAS called {library} is found here")
    rng, (m, n, k) = np.random.default_rng(0), (3, 5, 7)
    for ta in (False, True):
        for tb in (False, True):
            a = rng.integers(-8, 8, (k, m) if ta else (m, k)).astype(dtype)
            b = rng.integers(-8, 8, (n, k) if tb else (k, n)).astype(dtype)
            c = rng.integers(-8, 8, (m, n)).astype(dtype)
            expected = 2 * (a.T if ta else a) @ (b.T if tb else b) + 3 * c
            compiled(
                f"multiply = gemm({library!r}, {dtype!r})\ndef f(ta, tb, a, b, c, m, n, k):\n"
                "    multiply(ta, tb, m, n, k, 2, address(a), a.shape[1], address(b), b.shape[1], 3,\n"
                "             address(c), n)\n",
                f"void(boolean, boolean, {dtype}[:,::1], {dtype}[:,::1], {dtype}[:,::1], int64, int64, int64)",
            )(ta, tb, a, b, c, m, n, k)
            np.testing.assert_array_equal(c, expected)


def test_numpys_blas_is_found_here():
    """Where it is not, products are NumPy's own calls; a test says so, lest nobody notices."""
    blas = _blas.numpy_blas()
    assert blas is not None
    assert blas.threads is not None
    assert blas.threads() >= 1
    assert _blas.faster(8, 8, 8) == "numpy"
    assert _blas.faster(256, 256, 256) in ("numpy", "mkl")


SOURCE = "def f(x):\n    x[0] += 1\n"
SECOND = (
    "import numpy as np; from portanet.backends._numba import compiling as _numba; x = np.zeros(2); "
    f"_numba.compile_source({SOURCE!r}, 'f', 'void(float64[::1])')(x); "
    "[f] = _numba._KEPT.values(); print(x[0], sum(f.stats.cache_hits.values()))"
)


def second_process(folder):
    environment = os.environ | {"PORTANET_CACHE": str(folder)}
    out = subprocess.run(
        [sys.executable, "-c", SECOND], env=environment, capture_output=True, text=True, check=True
    )
    assert out.stderr == ""
    return out.stdout.split()


def test_compiled_code_is_kept_on_disk(tmp_path):
    assert second_process(tmp_path) == ["1.0", "0"]
    assert second_process(tmp_path) == ["1.0", "1"]


def test_a_folder_that_cannot_be_is_done_without(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert second_process(tmp_path / "file") == ["1.0", "0"]


def test_a_function_is_compiled_once_a_process():
    x = np.zeros(1)
    first, again = (_numba.compile_source(SOURCE, "f", "void(float64[::1])") for _ in range(2))
    first(x)
    again(x)
    assert first is again
    assert x[0] == 2


LOOPS = {"conv2d", "conv2d_backward_x", "conv2d_backward_w", "max_pool2d", "max_pool2d_backward"}


@pytest.mark.parametrize("n", [0, 1, 97])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_loops_agree_with_the_plain_definitions(n, dtype, always):
    cases = [case for case in ACCELERABLE if case.name in LOOPS]
    assert {case.name for case in cases} == LOOPS
    for case in cases:
        compare(case, n, backends.get("numpy"), dtype)


def test_a_wide_image_is_cut_into_strips(always, monkeypatch):
    monkeypatch.setattr(_numba_kernels_conv, "_STRIP", 1)
    test_loops_agree_with_the_plain_definitions(3, "float32", None)


def calls(rng):
    """Each kernel that takes `out`, with arguments, the shape of what it makes, and the plain one."""
    window, pool = Window((3, 3), padding=((1, 1), (1, 1))), Window((2, 2), stride=(2, 2))
    x, w, grad = (
        rng.standard_normal(s).astype("f") for s in ((2, 3, 7, 6), (4, 3, 3, 3), (2, 4, 7, 6))
    )
    y = max_pool2d.plain(x, pool)
    return [
        (conv2d, (x, w, window)),
        (conv2d_backward_x, (grad, w, window, (7, 6))),
        (max_pool2d, (x, pool)),
        (max_pool2d_backward, (np.ones_like(y), x, y, pool)),
    ]


@pytest.mark.parametrize("compiled_loops", [False, True])
def test_results_are_written_where_they_are_wanted(compiled_loops, request):
    if compiled_loops:
        request.getfixturevalue("always")
    kernels = backends.get("numpy").kernels
    for function, args in calls(np.random.default_rng(0)):
        expected, kernel = function.plain(*args), kernels[function.name]
        assert kernel.takes_out
        apart = np.full((*expected.shape[:-1], 2 * expected.shape[-1]), 9, "f")[..., ::2]
        for out in (np.full(expected.shape, 9, "f"), apart):
            assert kernel(*args, out=out) is out
            np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5)


def test_without_numba_there_are_numpys_kernels(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert {maker() for maker in _numba.makers(abs, max).values()} == {None}


def test_other_dtypes_are_numpys(always):
    x, w = np.ones((1, 1, 4, 4), np.float16), np.ones((1, 1, 3, 3), np.float16)
    window = Window((3, 3))
    assert conv2d(x, w, window).dtype == np.float16
    assert max_pool2d(x, Window((2, 2), stride=(2, 2))).dtype == np.float16
