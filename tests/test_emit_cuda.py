"""Fused CUDA kernels: what is fused, and that they give what the single operations give."""

import numpy as np
import pytest
from agreement import assert_ulps
from cuda_kernels import fused, traced

from portanet import backends
from portanet.backends._cupy.compiling import compile_cuda
from portanet.compiler.engines.cuda.emit import emit
from portanet.compiler.engines.cuda.text import PRELUDE, literal
from portanet.compiler.fusion.fused_group import Group
from portanet.compiler.fusion.grouping import stored_values
from portanet.compiler.fusion.space import space_of
from portanet.compiler.graph.host_scalar import HostScalar


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


def softmax(xp, x, axis):
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


def normalized(xp, x, axes):
    mean = xp.mean(x, axis=axes, keepdims=True)
    off = x - mean
    return off / xp.sqrt(xp.mean(off * off, axis=axes, keepdims=True) + 1e-5), mean


def losses_and_gradient(xp, z, b, y):
    """As a network ends: a bias, a loss for each sample and their sum, dL/dz and its sum."""
    z = z + b
    losses = xp.maximum(z, 0) - y * z + xp.log1p(xp.exp(-xp.abs(z)))
    rows = xp.reshape(losses, (losses.shape[0], -1))[:, 0]
    gradient = (1 / (1 + xp.exp(-z)) - y) / z.shape[0]
    return rows, xp.sum(rows), gradient, xp.sum(gradient, axis=0)


# name: function, shapes of its arguments, how many kernels it makes, ulps allowed
FUNCTIONS = {
    "bias and ReLU": (lambda xp, x, b: xp.maximum(x + b, 0), "(n, m) (m,)", 1, 1),
    "a mask and its column sums": (
        lambda xp, x, g: (xp.where(x > 0, g, 0), xp.sum(xp.where(x > 0, g, 0), axis=0)),
        "(n, m) (n, m)", 1, 8,
    ),
    "row sums": (lambda xp, x: xp.sum(x * x, axis=1), "(n, m)", 1, 8),
    "the sum of all": (lambda xp, x: xp.sum(x * x), "(n, m)", 1, 16),
    "softmax of rows": (lambda xp, x: softmax(xp, x, -1), "(n, m)", 1, 8),
    "softmax of columns": (lambda xp, x: softmax(xp, x, 0), "(n, m)", 1, 8),
    "softmax in the middle": (lambda xp, x: softmax(xp, x, 1), "(n, 3, m)", 1, 8),
    "normalized rows": (lambda xp, x: normalized(xp, x, -1), "(n, m)", 1, 32),
    "normalized channels": (lambda xp, x: normalized(xp, x, (0, 2)), "(n, 3, m)", 1, 32),
    "normalized by the last two axes": (lambda xp, x: normalized(xp, x, (1, 2)), "(n, 3, m)", 1, 32),
    "the end of a network": (losses_and_gradient, "(n, 1) (1,) (n, 1)", 1, 16),
    "what is transposed": (lambda xp, x, y: x.T + y, "(n, m) (m, n)", 1, 1),
    "a column and a row": (lambda xp, x, y: xp.exp(x) * y, "(n, 1) (m,)", 2, 4),
    "chained sums": (
        lambda xp, x: xp.sum(xp.max(x, axis=1) * 2.0), "(n, m)", 2, 8,
    ),
}  # fmt: skip
SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (33, 65), (1025, 3), (3, 1025), (129, 130), (64, 20)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_kernels_give_what_numpy_gives_in_float64(name, size, backend):
    function, shapes, _, limit = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    shapes = [eval(shape, dict(zip("nm", size, strict=True))) for shape in split(shapes)]
    exact = [rng.standard_normal(shape) for shape in shapes]
    for dtype in ("float32", "float64"):
        arrays = [x.astype(dtype) for x in exact]
        wanted = function(backends.get("numpy").xp, *(a.astype(np.float64) for a in arrays))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        results, _ = fused(function, arrays, backend)
        for result, oracle in zip(results, wanted, strict=True):
            assert str(result.dtype) == dtype
            assert_ulps(name, result, oracle, dtype, limit)


def split(shapes):
    return [f"{part})" for part in shapes.split(")") if part]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_how_many_kernels_a_function_makes(name):
    function, shapes, n_kernels, _ = FUNCTIONS[name]
    arrays = [np.ones(eval(shape, {"n": 6, "m": 5})) for shape in split(shapes)]
    _, units = traced(function, arrays, backends.get("numpy"))
    assert [type(unit) for unit in units] == [Group] * n_kernels


UNARY = {
    "abs": [-1.5, 0.0, 2.0], "exp": [-3.0, 0.5], "expm1": [1e-5, 2.0], "log": [0.1, 3.0],
    "log1p": [1e-5, 3.0], "log2": [0.1, 8.0], "log10": [0.1, 100.0], "sqrt": [0.25, 2.0],
    "square": [-3.0, 0.1], "negative": [-1.0, 2.0], "positive": [-1.0, 2.0],
    "sin": [-1.0, 2.0], "cos": [-1.0, 2.0], "tan": [-1.0, 2.0], "asin": [-0.5, 0.9],
    "acos": [-0.5, 0.9], "atan": [-2.0, 3.0], "sinh": [-1.0, 2.0], "cosh": [-1.0, 2.0],
    "tanh": [-0.1, 2.0], "asinh": [-1.0, 2.0], "acosh": [1.5, 4.0], "atanh": [-0.5, 0.9],
    "floor": [-1.5, 2.5], "ceil": [-1.5, 2.5], "trunc": [-1.5, 2.5], "round": [0.5, 1.5, -2.5],
    "sign": [-2.0, 0.0, 3.0], "reciprocal": [-2.0, 3.0], "isnan": [np.nan, 1.0],
    "isfinite": [np.nan, np.inf, 1.0], "isinf": [np.nan, np.inf, -np.inf, 1.0],
    "logical_not": [0.0, 2.0],
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_number(name, backend):
    """CUDA states 4 ulps at most for these; each number is its own unit."""
    for dtype in ("float32", "float64"):
        x = np.asarray(UNARY[name], dtype)
        oracle = "rint" if name == "round" else name
        wanted = getattr(np, {"acos": "arccos", "asin": "arcsin", "atan": "arctan",
                              "acosh": "arccosh", "asinh": "arcsinh", "atanh": "arctanh"}
                         .get(name, oracle))(x.astype(np.float64))  # fmt: skip
        (result,), _ = fused(
            lambda xp, a: getattr(xp if hasattr(xp, name) else np, name)(a), [x], backend
        )
        assert result.dtype == (np.bool_ if wanted.dtype == np.bool_ else np.dtype(dtype))
        for value, exact in zip(result, wanted, strict=True):
            assert_ulps(name, value, exact, dtype, 4)


BINARY = [
    "add", "subtract", "multiply", "divide", "maximum", "minimum", "atan2", "hypot", "copysign",
    "logaddexp", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
    "logical_and", "logical_or", "logical_xor", "pow",
]  # fmt: skip
SPECIAL = np.asarray([0.0, 1.0, 2.5, 3.0, np.inf, np.nan])


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_numbers_with_infinities_and_nans(name, backend):
    oracle = {"pow": np.power, "atan2": np.arctan2}.get(name) or getattr(np, name)
    for dtype in ("float32", "float64"):
        a, b = (x.ravel().astype(dtype) for x in np.meshgrid(SPECIAL, SPECIAL))
        with np.errstate(all="ignore"):
            wanted = oracle(a.astype(np.float64), b.astype(np.float64))
        (result,), _ = fused(lambda xp, x, y: getattr(xp, name)(x, y), [a, b], backend)
        for value, exact in zip(result, wanted, strict=True):
            assert_ulps(name, value, exact, dtype, 4)


def test_plain_numbers_are_weak_and_integers_stay_integers(backend):
    def function(xp, x, i, m):
        return x * 0.1, i + 2, i * x, m & (i > 1), xp.astype(i, xp.float32) ** 2, i == 2, x**-1

    arrays = [np.asarray([1.5, 2.5], np.float32), np.asarray([1, 2]), np.asarray([True, True])]
    results, n_kernels = fused(function, arrays, backend)
    wanted = function(backends.get("numpy").xp, *arrays)
    assert n_kernels == 1
    for result, oracle in zip(results, wanted, strict=True):
        assert result.dtype == oracle.dtype
        assert np.array_equal(result, oracle)


def test_reductions_of_integers_and_truth_values(backend):
    def function(xp, x, m):
        return (
            xp.sum(x, axis=1),
            xp.max(x, axis=1),
            xp.min(x, axis=1),
            xp.any(m, axis=1),
            xp.all(m, axis=1),
        )

    rng = np.random.default_rng(0)
    arrays = [rng.integers(-9, 9, (5, 70)), rng.random((5, 70)) < 0.99]
    results, n_kernels = fused(function, arrays, backend)
    assert n_kernels == 1
    for result, oracle in zip(results, function(np, *arrays), strict=True):
        assert result.dtype == oracle.dtype
        assert np.array_equal(result, oracle)


def test_a_nan_reaches_the_maximum(backend):
    x = np.asarray([[1.0, np.nan, 2.0], [1.0, 3.0, 2.0]])
    (result,), _ = fused(lambda xp, a: xp.max(a, axis=1), [x], backend)
    assert np.array_equal(result, [np.nan, 3.0], equal_nan=True)


def test_numbers_of_the_step_are_read_from_memory(backend):
    rate = HostScalar("lr", 0.25, lambda numbers: numbers["lr"])
    x, g = np.asarray([1.0, 2.0], np.float32), np.asarray([4.0, 8.0], np.float32)
    (result,), n_kernels = fused(lambda xp, a, b: a - rate * b, [x, g], backend)
    assert n_kernels == 1
    assert np.array_equal(result, x - np.float32(0.25) * g)


def test_results_may_lie_where_arguments_lay(backend):
    """All is read before anything is written: x and y change places."""
    cp = backend._cp
    x, y = cp.arange(600.0), cp.ones(600)
    graph, (group,) = traced(lambda xp, a, b: (b + 1, a * 2), [x, y], backend)
    stored = stored_values(graph, [group])[id(group)]
    kernel = emit("swap", group.nodes, stored, group.space)
    places = {id(v): a for v, a in zip(graph.inputs.values(), (x, y), strict=True)}
    places |= {id(v): a for v, a in zip(graph.results.values(), (x, y), strict=True)}
    function = compile_cuda(PRELUDE + kernel.source, ["swap"])["swap"]
    function((kernel.blocks,), (kernel.threads,), tuple(places[id(a)] for a in kernel.arguments))
    assert np.array_equal(x.get(), np.full(600, 2.0))
    assert np.array_equal(y.get(), 2 * np.arange(600.0))


def test_repeats_are_the_same_bits(backend):
    x = np.random.default_rng(0).standard_normal((300, 70)).astype(np.float32)
    first, _ = fused(lambda xp, a: (xp.sum(a), xp.sum(a, axis=0)), [x], backend)
    again, _ = fused(lambda xp, a: (xp.sum(a), xp.sum(a, axis=0)), [x], backend)
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one, two)


UNFUSED = {
    "a product": lambda xp, x: x @ x,
    "what depends on an order": lambda xp, x: xp.sort(x, axis=0),
    "an option": lambda xp, x: xp.sum(x, axis=0, dtype=xp.float64),
    "no number at all": lambda xp, x: x[:0] + 1.0,
}


@pytest.mark.parametrize("name", UNFUSED)
def test_what_has_no_text_stays_an_operation(name):
    _, units = traced(UNFUSED[name], [np.ones((4, 4))], backends.get("numpy"))
    assert not any(isinstance(unit, Group) for unit in units)


def test_a_sum_joins_the_kernel_before_a_product_between(backend):
    """A bias gradient is written after the weights' product, and summed before it."""

    def function(xp, x, g):
        g = xp.where(x > 0, g, 0)
        return x.T @ g, xp.sum(g, axis=0)

    _, units = traced(function, [np.ones((4, 3)), np.ones((4, 3))], backends.get("numpy"))
    assert [getattr(unit, "op", "kernel") for unit in units] == ["kernel", "matmul"]


def test_spaces_of_reductions():
    assert (space_of((4, 5), -1).rows, space_of((4, 5), 0).rows) == (True, False)
    assert space_of((4, 1, 5), (0, 1)) == space_of((4, 5), 0)
    assert space_of((4, 5), None) == space_of((20,), 0)
    assert space_of((4, 5, 6), 1).mixed == ((4, False), (5, True), (6, False))


def test_literals():
    assert literal(True, "bool") == "true"
    assert literal(-3, "int64") == "((long long)(-3ll))"
    assert literal(-(2**63), "int64") == "((long long)(-9223372036854775807ll - 1))"
    assert literal(2**63, "uint64") == "((unsigned long long)9223372036854775808ull)"
    assert literal(1e300, "float32") == "(__int_as_float(0x7f800000))"
