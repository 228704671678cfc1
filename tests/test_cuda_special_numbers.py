"""CUDA kernels keep NaN, infinities and the sign of zero as NumPy does.

CUDA's fmax and fmin drop a NaN, as C's do: fmax(NaN, 1) is 1. A network that has diverged would
train on with small gradients. No kernel calls them, and each operation is tried on such numbers.
"""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from cuda_kernels import fused
from special_numbers import SHARES, Sprinkled, kinds, oracle

import portanet
from portanet import backends
from portanet.backends._cupy.compiling import compile_cuda
from portanet.compiler.engines.cuda import text
from portanet.compiler.engines.cuda.text import literal
from portanet.dispatch import ACCELERABLE as FUNCTIONS
from portanet.verify.catalogue.kernels import ACCELERABLE, moved

LONG = 2**16  # elements: more than one block adds up
DROPPING = re.compile(r"\bf?(max|min)f?(imum|imum_num)?\s*\(")  # in CUDA C++
PACKAGE = Path(portanet.__file__).parent
FOLDERS = [PACKAGE / "backends" / "_cupy", PACKAGE / "compiler" / "engines" / "cuda"]


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


def texts(path):
    """The strings of a file that may become CUDA C++: all but docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {id(n.body[0].value) for n in ast.walk(tree) if isinstance(n, owners)
            and n.body and isinstance(n.body[0], ast.Expr)}  # fmt: skip
    strings = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in docs]
    return [n.value for n in strings if isinstance(n.value, str)]


def test_no_kernel_calls_a_maximum_that_drops_a_nan():
    found = [s for folder in FOLDERS for path in folder.glob("*.py") for s in texts(path)]
    assert any("Maximum::of" in s for s in found)  # the texts of kernels are among them
    assert [s for s in found if DROPPING.search(s)] == []
    for call in ("max(a, b)", "fmaxf(a, b)", "min (a, b)", "fmin(a, b)"):
        assert DROPPING.search(call)


def test_this_devices_own_maximum_drops_a_nan(backend):
    """Where it does not, the tests below would not see a kernel that calls it."""
    cp = backend._cp
    source = 'extern "C" __global__ void largest(double* x) { x[0] = fmax(x[0], 1.0); }'
    x = cp.asarray([np.nan])
    compile_cuda(source, ["largest"])["largest"]((1,), (1,), (x,))
    assert x.get() == [1]


def special(dtype):
    info = np.finfo(dtype)
    numbers = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.0, 0.25, -2.5, 88.0, info.max]
    return np.asarray([*numbers, info.smallest_normal, info.smallest_subnormal], dtype)


def flushed(x):
    """Return x as CuPy's -ftz=true has it: float32 numbers below the smallest normal are 0."""
    if x.dtype != np.float32:
        return x
    return np.where(np.abs(x) < np.finfo(x.dtype).smallest_normal, np.copysign(0, x), x)


def assert_alike(function, arrays, result, *, n_ulps=0):
    """Assert that a kernel's result is NumPy's, bit for bit but for `n_ulps` of finite numbers.

    Each number may be that of flushed arguments, flushed.
    """
    result = np.asarray(result)
    alike = np.zeros(result.shape, bool)
    for change in (lambda x: x, flushed):
        with np.errstate(all="ignore"):
            wanted = np.asarray(function(np, *map(change, arrays)))
        assert wanted.dtype == result.dtype
        alike |= agree(result, change(wanted), n_ulps)
    assert alike.all(), f"at {np.argwhere(~alike).tolist()}: {result[~alike]}"


def agree(result, wanted, n_ulps):
    if wanted.dtype.kind != "f":
        return result == wanted
    with np.errstate(all="ignore"):
        signs = (np.signbit(result) == np.signbit(wanted)) | np.isnan(wanted)
        near = np.abs(result - wanted) <= n_ulps * np.spacing(np.abs(wanted))
    same = (result == wanted) | (np.isnan(result) & np.isnan(wanted))
    return (same | near) & signs


EXACT = [
    "abs", "negative", "positive", "square", "sqrt", "floor", "ceil", "trunc", "sign", "round",
    "reciprocal", "isnan", "isfinite", "isinf", "logical_not",
]  # fmt: skip
ROUNDED = [
    "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
]  # fmt: skip
OF_TWO = [
    "add", "subtract", "multiply", "divide", "copysign", "equal", "not_equal", "less", "less_equal",
    "greater", "greater_equal", "logical_and", "logical_or", "logical_xor",
]  # fmt: skip
ROUNDED_OF_TWO = ["atan2", "hypot", "logaddexp", "pow"]


def standard(name):
    """Return a function by its name in the standard, of NumPy (which has all since 2.1) or CuPy."""
    old = {"acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2",
           "acosh": "arccosh", "asinh": "arcsinh", "atanh": "arctanh", "pow": "power"}  # fmt: skip

    def function(xp, *arrays):
        return (getattr(xp, name, None) or getattr(xp, old.get(name, name)))(*arrays)

    return function


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_one_number(dtype, backend):
    x, names = special(dtype), [*EXACT, *ROUNDED]
    results, _ = fused(lambda xp, x: tuple(standard(n)(xp, x) for n in names), [x], backend)
    for name, result in zip(names, results, strict=True):
        assert_alike(standard(name), [x], result, n_ulps=4 if name in ROUNDED else 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_two_numbers(dtype, backend):
    arrays = [x.ravel() for x in np.meshgrid(special(dtype), special(dtype))]
    names = [*OF_TWO, *ROUNDED_OF_TWO]
    results, _ = fused(lambda xp, *a: tuple(standard(n)(xp, *a) for n in names), arrays, backend)
    for name, result in zip(names, results, strict=True):
        assert_alike(standard(name), arrays, result, n_ulps=4 if name in ROUNDED_OF_TWO else 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_maxima_and_minima_keep_a_nan(dtype, backend):
    """Of 0 and -0 either may be the larger one, as in NumPy."""
    arrays = [x.ravel() for x in np.meshgrid(special(dtype), special(dtype))]
    results, _ = fused(lambda xp, a, b: (xp.maximum(a, b), xp.minimum(a, b)), arrays, backend)
    for name, result in zip(("maximum", "minimum"), results, strict=True):
        function = standard(name)
        assert_alike(lambda xp, a, b, f=function: f(xp, a, b) + 0, arrays, result + 0)


def test_choices_and_special_numbers_in_the_text(backend):
    x = special("float64")

    def function(xp, x):
        y = xp.where(x > 0, x, -0.0)
        return y, x * -0.0, xp.where(x < 0, np.nan, x), xp.where(x < 0, -np.inf, x)

    results, _ = fused(function, [x], backend)
    for i, result in enumerate(results):
        assert_alike(lambda xp, x, i=i: function(xp, x)[i], [x], result)


def test_changes_of_type(backend):
    x, kinds = special("float64"), ("float32", "bool")
    results, _ = fused(
        lambda xp, x: tuple(xp.astype(x, getattr(xp, k)) for k in kinds), [x], backend
    )
    for kind, result in zip(kinds, results, strict=True):
        assert_alike(lambda xp, x, k=kind: x.astype(k), [x], result)


REDUCTIONS = {
    "rows": ((9, 70), 1), "columns": ((70, 9), 0), "all": ((9, 7), None),
    "by many blocks": ((LONG + 3,), None),
}  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0], ids=str)
@pytest.mark.parametrize("where", REDUCTIONS)
def test_one_special_number_in_reductions(where, value, backend):
    """Sums of -0 are 0, as in NumPy."""
    shape, axis = REDUCTIONS[where]
    for dtype in ("float32", "float64"):
        x = np.full(shape, -0.0 if value == 0 else 1.0, dtype)
        x[tuple(n // 2 for n in shape)] = value

        def function(xp, x):
            numbers = [getattr(xp, name)(x, axis=axis) for name in ("sum", "prod", "max", "min")]
            return *numbers, xp.any(x, axis=axis), xp.all(x, axis=axis)

        results, _ = fused(function, [x], backend)
        for i, result in enumerate(results):
            assert_alike(lambda xp, x, i=i, f=function: f(xp, x)[i], [x], result)


@pytest.mark.parametrize("share", SHARES)
def test_hand_written_kernels(share, backend):
    for case in ACCELERABLE:
        function = FUNCTIONS[case.name]
        for dtype in ("float32", "float64"):
            args, (host, device) = case.args(Sprinkled(share), 97), (backends.get("numpy"), backend)
            with np.errstate(all="ignore"):
                result = backend.to_numpy(backend.kernels[case.name](*moved(args, device, dtype)))
                wanted = oracle(case.name, function)(*moved(args, host, dtype))
            found, expected = kinds(case.name, result), kinds(case.name, wanted)
            assert np.array_equal(found, expected), (case.name, dtype)


def test_numbers_in_the_text_keep_their_sign():
    assert literal(-0.0, "float32") == "(-0.0f)"
    assert literal(-0.0, "float64") == "(-0.0)"
    assert literal(0.0, "float64") == "0.0"


def test_every_text_is_tried():
    """The names here are those of the tables, and those with a test of their own."""
    tables = {*text._ARITHMETIC, *text._COMPARISONS, *text._LOGIC, *text._TESTS, *text._FLOATING}
    tried = {*EXACT, *ROUNDED, *OF_TWO, *ROUNDED_OF_TWO, "maximum", "minimum"}
    rest = {name for name in tables - tried if not name.startswith(("kernel:", "bitwise_"))}
    assert rest == set()
