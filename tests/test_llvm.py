"""What compiled plans are made of: the kernel language, functions, BLAS by address, conv and pooling loops."""

import ast
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from test_kernels import compare

from portanet import backends
from portanet.backends._llvm import conv_loops, files, kernels_conv, kernels_pool, machine
from portanet.backends._numpy import blas
from portanet.layers.convolution_functions import conv2d, conv2d_backward_x
from portanet.layers.pooling_functions import max_pool2d, max_pool2d_backward
from portanet.layers.windows import Window
from portanet.verify.catalogue.kernels import ACCELERABLE

pytestmark = pytest.mark.skipif(not machine.available(), reason="llvmlite is not installed")
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


@pytest.fixture
def always(monkeypatch):
    """Compiled loops for work of any size."""
    for kernels in (kernels_conv, kernels_pool):
        monkeypatch.setattr(kernels, "LEAST", {})
        monkeypatch.setattr(kernels, "A_THREADS", 1)


def run(text, *given):
    """Call a kernel with arrays, integers and floats."""
    table = np.zeros(len(given), np.int64)
    for i, value in enumerate(given):
        if isinstance(value, float):
            table.view(np.float64)[i] = value
        else:
            table[i] = value if isinstance(value, int) else machine.address_of(value)
    machine.function_of(machine.kernel(text))(machine.address_of(table))


# the language


INTEGERS = """\
def kernel(a: i8[:], b: i8[:], y: i8[:], n: i8):
    for i in range(n):
        q, r = a[i] // b[i], a[i] % b[i]
        total = q
        for j in range(1, 10, 4):
            total += j * r
        if total > 5:
            total = total - 3
        else:
            total = -total
        y[i] = total if not (a[i] == b[i] or a[i] > 6) else 77
"""


def test_integers_are_pythons():
    """The text is Python, too: what it says there is what it must do here."""
    a = np.arange(-8, 9)
    b = np.where(np.arange(17) % 2, 3, 4)
    y, wanted, scope = np.zeros_like(a), np.zeros_like(a), {}
    plain = INTEGERS.replace(": i8[:]", "").replace(": i8", "")
    exec(compile(ast.parse(plain), "<text>", "exec"), scope)
    scope["kernel"](a.tolist(), b.tolist(), wanted, 17)
    run(INTEGERS, a, b, y, 17)
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("loop", ["range", "parallel", "unmasked"])
@pytest.mark.parametrize("n", [0, 1, 7, 16, 33, 100])
def test_loops_touch_what_they_should(loop, n):
    text = (
        f"def kernel(x: f4[:], y: f4[:], n: i8, c: f4):\n"
        f"    for i in {loop}(n):\n        y[i] = x[2 * i] * c\n"
    )
    x, y = np.arange(256, dtype=np.float32), np.full(128, -1, np.float32)
    run(text, x, y, n, 1.5)
    np.testing.assert_array_equal(y[:n], 1.5 * x[: 2 * n : 2])
    assert (y[n:] == -1).all()


def test_in_place_is_right():
    """A parallel loop may write where it reads, element by element."""
    text = "def kernel(x: f4[:], y: f4[:], n: i8):\n    for i in parallel(n):\n        y[i] = x[i] + 1\n"
    x = np.arange(37, dtype=np.float32)
    run(text, x, x, 37)
    np.testing.assert_array_equal(x, np.arange(1, 38))


def test_dtypes_are_converted_where_the_text_says_so():
    text = (
        "def kernel(a: f8[:], b: f4[:], c: i8[:], d: u1[:], n: i8):\n    for i in parallel(n):\n"
        "        b[i] = f4(a[i])\n        c[i] = i8(a[i])\n        d[i] = a[i] > 1\n"
    )
    a = np.asarray([-2.7, 0.1, 1.9, 1e10])
    b, c, d = np.empty(4, np.float32), np.empty(4, np.int64), np.empty(4, bool)
    run(text, a, b, c, d, 4)
    np.testing.assert_array_equal(b, a.astype(np.float32))
    np.testing.assert_array_equal(c, [-2, 0, 1, 10**10])
    np.testing.assert_array_equal(d, a > 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x[0] = y", "`y` has no value"),
        ("x[0] = sinus(x[0])", "`sinus` is no function"),
        ("x[0] = x[0] + n", "i64 where float was wanted"),
        ("x[n * 0.5] = x[0]", "0.5 where i64 was wanted"),
    ],
)
def test_what_is_no_kernel_is_an_error(text, why):
    with pytest.raises(TypeError, match=why):
        machine.kernel(f"def kernel(x: f4[:], n: i8):\n    {text}\n")


def test_a_text_is_compiled_once():
    text = "def kernel(x: f4[:]):\n    x[0] = x[0] + 1\n"
    assert machine.kernel(text) == machine.kernel(text)
    x = np.zeros(1, np.float32)
    run(text, x)
    run(text, x)
    assert x[0] == 2


# functions


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
    text = f"def kernel(x: f4[:], y: f4[:], n: i8):\n    for i in parallel(n):\n        y[i] = {name}(x[i])\n"
    run(text, x, y, x.size)
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
    text = (
        "def kernel(a: f4[:], b: f4[:], y: f4[:], z: f4[:], n: i8):\n    for i in parallel(n):\n"
        "        y[i] = maximum(a[i], b[i])\n        z[i] = minimum(a[i], b[i])\n"
    )
    run(text, a, b, y, z, a.size)
    np.testing.assert_array_equal(y, np.maximum(a, b))
    np.testing.assert_array_equal(z, np.minimum(a, b))


def test_a_sum_in_any_order_is_close_and_division_by_zero_is_inf():
    x = np.random.default_rng(0).standard_normal(1003).astype(np.float32)
    y = np.empty(2, np.float32)
    text = (
        "def kernel(x: f4[:], y: f4[:], n: i8):\n    total = f4(0)\n    for i in parallel(n):\n"
        "        total = add(total, x[i])\n    y[0] = total\n    y[1] = 1 / (total - total)\n"
    )
    run(text, x, y, x.size)
    assert abs(y[0] - x.sum(dtype=np.float64)) < np.abs(x).sum() * 2**-23
    assert y[1] == np.inf


# BLAS


@pytest.mark.parametrize("library", ["numpy", "mkl"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_by_address(library, dtype):
    found = (blas.numpy_blas if library == "numpy" else blas.mkl)()
    if found is None:
        pytest.skip(f"no BLAS called {library} is found here")
    rng, (m, n, k), kind = np.random.default_rng(0), (3, 5, 7), {"float32": "f4"}.get(dtype, "f8")
    text = (
        f"def kernel(blas: i8, ta: i8, tb: i8, m: i8, n: i8, k: i8, a: {kind}[:], lda: i8, b: {kind}[:],\n"
        f"           ldb: i8, c: {kind}[:], ldc: i8):\n"
        f"    gemm{found.integer}(blas, ta, tb, m, n, k, 2, a, lda, b, ldb, 3, c, ldc)\n"
    )
    for ta in (False, True):
        for tb in (False, True):
            a = rng.integers(-8, 8, (k, m) if ta else (m, k)).astype(dtype)
            b = rng.integers(-8, 8, (n, k) if tb else (k, n)).astype(dtype)
            c = rng.integers(-8, 8, (m, n)).astype(dtype)
            expected = 2 * (a.T if ta else a) @ (b.T if tb else b) + 3 * c
            address = found.gemm[dtype]
            run(text, address, int(ta), int(tb), m, n, k, a, a.shape[1], b, b.shape[1], c, n)
            np.testing.assert_array_equal(c, expected)


def test_numpys_blas_is_found_here():
    """Where it is not, products are NumPy's own calls; a test says so, lest nobody notices."""
    found = blas.numpy_blas()
    assert found is not None
    assert found.threads is not None
    assert found.threads() >= 1


# convolution and pooling


LOOPS = {"conv2d", "conv2d_backward_x", "conv2d_backward_w", "max_pool2d", "max_pool2d_backward"}


@pytest.mark.parametrize("n", [0, 1, 97])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_loops_agree_with_the_plain_definitions(n, dtype, always):
    cases = [case for case in ACCELERABLE if case.name in LOOPS]
    assert {case.name for case in cases} == LOOPS
    for case in cases:
        compare(case, n, backends.get("numpy"), dtype)


def test_a_wide_image_is_cut_into_strips(always, monkeypatch):
    monkeypatch.setattr(conv_loops, "_STRIP", 1)
    test_loops_agree_with_the_plain_definitions(3, "float32", None)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(always, monkeypatch, n_threads):
    from portanet.backends._numpy import threads

    rng, window = np.random.default_rng(0), Window((3, 3))
    x, grad = (rng.standard_normal(s).astype("f") for s in ((9, 3, 7, 6), (9, 4, 5, 4)))
    found = []
    for n in (1, n_threads):

        def in_parts(size, work, most=9, n=n):
            threads._side_by_side(size, work, min(n, size, most))

        monkeypatch.setattr(kernels_conv, "in_parts", in_parts)
        found.append(kernels_conv.conv2d_backward_w(grad, x, window))
    np.testing.assert_array_equal(*found)


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


def test_without_llvmlite_there_are_numpys_kernels(monkeypatch):
    monkeypatch.setattr(machine, "installed", lambda: False)
    assert {maker() for maker in files.makers(abs, max).values()} == {None}


def test_other_dtypes_are_numpys(always):
    x, w = np.ones((1, 1, 4, 4), np.float16), np.ones((1, 1, 3, 3), np.float16)
    window = Window((3, 3))
    assert conv2d(x, w, window).dtype == np.float16
    assert max_pool2d(x, Window((2, 2), stride=(2, 2))).dtype == np.float16


def test_what_takes_long_says_so(caplog):
    few, many = ([f"a text {i}" for i in range(n)] for n in (20, 60))
    machine.announce(few)
    assert not caplog.records
    machine.announce(many)
    assert caplog.messages == ["portanet: compiling 60 kernels, some 2 seconds"]


@pytest.mark.parametrize(
    ("found", "enough"), [("0.44.1", False), ("0.45.0rc1", True), ("1.0", True), ("unknown", False)]
)
def test_an_old_llvmlite_is_none(found, enough, monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite", SimpleNamespace(__version__=found))
    assert machine.installed.__wrapped__() is enough
