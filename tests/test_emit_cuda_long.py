"""Sums that leave few numbers of many: by many blocks, in two launches, the same bits each time."""

from math import log2

import numpy as np
import pytest
from cuda_kernels import fused, traced

from portanet import backends
from portanet.compiler.engines.cuda.emit_long import emit_all, parts_of
from portanet.compiler.engines.cuda.threads import split_shape, thread_shape
from portanet.compiler.fusion.fused_group import Group
from portanet.compiler.fusion.grouping import stored_values
from portanet.compiler.fusion.space import Space, space_of

MULTIPROCESSORS = 132  # of the largest GPUs at present
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
LONG = 2**15  # numbers: one block of 1024 threads adds them in 32 rounds


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


def kernels_of(function, shapes, dtype="float32"):
    """The kernels of a function of arrays, without a device: a list for each launch that waits."""
    arrays = [np.ones(shape, dtype) for shape in shapes]
    graph, units = traced(function, arrays, backends.get("numpy"))
    parts = [part for unit in units for part in parts_of(unit)]
    assert all(isinstance(part, Group) for part in parts)
    stored = stored_values(graph, parts)
    return [emit_all("k", part.nodes, stored[id(part)], part.space) for part in parts]


def n_roundings(space, n_bytes):
    """How many additions, one after another, a number of a sum goes through at most."""
    one = thread_shape(space)
    shape = split_shape(space, n_bytes)
    if shape is None:
        return one.rounds + log2(one.lanes)
    rest = thread_shape(Space(space.n_kept, shape.pieces, rows=False))
    return shape.rounds + log2(shape.lanes) + rest.rounds + log2(rest.lanes)


SUMS = {  # shape, axis: spaces of all kinds, at the limits of one kernel and well beyond them
    "all, the most for one kernel": ((LONG,), None),
    "all, one more": ((LONG + 1,), None),
    "all, many": ((1_000_003,), None),
    "columns of a tall matrix": ((9001, 70), 0),
    "two columns": ((40_000, 2), 0),
    "few rows": ((3, 100_001), 1),
    "channels of images": ((17, 5, 31, 33), (0, 2, 3)),
    "the middle axis": ((7, 9001, 9), 1),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_are_right_to_float64(name, backend):
    """A sum is off by one unit for each addition in a row, of the sum of the numbers' sizes."""
    shape, axis = SUMS[name]
    exact = np.random.default_rng(0).standard_normal(shape)
    for dtype, unit in UNIT.items():
        x = exact.astype(dtype)
        (total,), _ = fused(lambda xp, a: xp.sum(a, axis=axis), [x], backend)
        wanted = np.sum(x.astype(np.longdouble), axis=axis)
        roundings = n_roundings(space_of(shape, axis), x.nbytes)
        size = np.sum(np.abs(x.astype(np.float64)), axis=axis)
        assert np.all(np.abs(total - wanted) <= (roundings + 1) * unit * size)
        (again,), _ = fused(lambda xp, a: xp.sum(a, axis=axis), [x], backend)
        assert np.array_equal(total, again)


@pytest.mark.parametrize("name", SUMS)
def test_whole_numbers_are_added_up_exactly(name, backend):
    """None is left out or added twice: then a sum of integers is wrong, not off by a rounding."""
    shape, axis = SUMS[name]
    x = np.random.default_rng(0).integers(-9, 9, shape)

    def function(xp, a):
        return xp.sum(a, axis=axis), xp.max(a, axis=axis), xp.any(a > 8, axis=axis)

    results, _ = fused(function, [x], backend)
    for result, oracle in zip(results, function(np, x), strict=True):
        assert np.array_equal(result, oracle)


def moments(xp, x, limit):
    """A clipped mean of squares, what is far from the mean, and how far that is at most."""
    total = xp.sum(xp.square(x))
    scale = xp.minimum(limit / xp.sqrt(total), 1.0)
    far = xp.abs(x - xp.mean(x))
    return total, x * scale, far, xp.max(far), xp.any(x > 3), xp.sum(x * scale)


@pytest.mark.parametrize("n", [LONG, LONG + 1, 300_017])
def test_what_waits_for_a_sum_is_computed_after_it(n, backend):
    """Sums of n squares in some thousand parts: n / parts + parts roundings, in ulps of the sum."""
    x = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    results, _ = fused(lambda xp, a: moments(xp, a, 2.0), [x], backend)
    wanted = moments(backends.get("numpy").xp, x.astype(np.float64), 2.0)
    for result, oracle in zip(results[:5], wanted[:5], strict=True):
        assert np.allclose(result, oracle, rtol=64 * 2.0**-24, atol=16 * 2.0**-24)
    assert abs(results[5] - wanted[5]) <= 64 * 2.0**-24 * np.sum(np.abs(wanted[1]))
    again, _ = fused(lambda xp, a: moments(xp, a, 2.0), [x], backend)
    assert all(np.array_equal(one, two) for one, two in zip(results, again, strict=True))


def normalized(xp, x, scale):
    """Batch normalization of images, and the running mean's next value."""
    mean = xp.mean(x, axis=(0, 2, 3), keepdims=True)
    off = x - mean
    variance = xp.mean(off * off, axis=(0, 2, 3), keepdims=True)
    return off / xp.sqrt(variance + 1e-5) * scale, 0.9 * scale + 0.1 * mean


def test_statistics_of_few_channels(backend):
    """Two sums in a row, and what is computed of them, in pieces: 5 launches.

    Each statistic is off by 64 roundings at most (rounds and levels of both stages), y by those of
    the mean, half of the variance's, and 8 of its own.
    """
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((40, 3, 40, 41)) + 0.5, rng.standard_normal((1, 3, 1, 1))]
    arrays = [a.astype(np.float32) for a in arrays]
    (y, running), _ = fused(normalized, arrays, backend)
    wanted = normalized(backends.get("numpy").xp, *(a.astype(np.float64) for a in arrays))
    assert np.max(np.abs(y - wanted[0])) <= 104 * 2.0**-24 * np.max(np.abs(wanted[0]))
    assert np.max(np.abs(running - wanted[1])) <= 64 * 2.0**-24
    launches = kernels_of(normalized, [(40, 3, 40, 41), (1, 3, 1, 1)])
    assert [len(of_part) for of_part in launches] == [2, 2, 1]
    assert launches[0][0].blocks >= MULTIPROCESSORS


@pytest.mark.parametrize(("shape", "axes"), [((9001, 70), 0), ((17, 5, 31, 33), (0, 2, 3))])
def test_full_values_are_stored_beside_their_sum(shape, axes, backend):
    """Whole numbers: exact. Every element is stored, and summed once."""
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-9, 9, shape).astype(np.float32) for _ in "xg"]

    def function(xp, x, g):
        grad = xp.where(x > 0, g, 0)
        return grad, xp.sum(grad, axis=axes), xp.sum(x, axis=axes)

    results, _ = fused(function, arrays, backend)
    for result, oracle in zip(results, function(np, *arrays), strict=True):
        assert np.array_equal(result, oracle)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_reaches_the_result(bad, backend):
    """As in NumPy, wherever it stands; maxima and minima of what holds a NaN are NaN."""
    x = np.random.default_rng(0).standard_normal((20_000, 5)).astype(np.float32)
    for column, row in enumerate([0, 31, 32, 19_999]):
        x[row, column] = bad

    def function(xp, a):
        return xp.sum(a, axis=0), xp.max(a, axis=0), xp.min(a, axis=0)

    results, _ = fused(function, [x], backend)
    wanted = function(np, x)
    assert np.array_equal(np.isnan(results[0]), np.isnan(wanted[0]))
    assert np.array_equal(results[0][:4], wanted[0][:4], equal_nan=True)
    for result, oracle in zip(results[1:], wanted[1:], strict=True):
        assert np.array_equal(result, oracle, equal_nan=True)


def masked(xp, x, g):
    """The gradient of a ReLU, and of the bias before it."""
    grad = xp.where(x > 0, g, 0)
    return grad, xp.sum(grad, axis=0)


@pytest.mark.parametrize("shape", [(9001, 70), (65_536, 64), (5000, 2048), (100_000, 1)])
def test_columns_occupy_a_large_gpu(shape):
    """Two blocks for each multiprocessor, and no thread visits more elements than one batch each."""
    ((first, rest),) = kernels_of(masked, [shape, shape])
    tile = 1 if shape[1] == 1 else 32
    pieces = first.blocks // -(-shape[1] // tile)
    batches = -(-shape[0] // (pieces * (256 // tile) * 4))
    full = 8 * MULTIPROCESSORS
    assert first.blocks >= 2 * MULTIPROCESSORS or batches == 1
    assert batches == 1 or first.blocks > full // 2
    assert rest.threads > 1


def test_a_sum_without_work_for_many_blocks_is_one_launch():
    assert [len(part) for part in kernels_of(masked, [(64, 20), (64, 20)])] == [1]
    assert [len(part) for part in kernels_of(masked, [(256, 2048), (256, 2048)])] == [1]
    assert [len(part) for part in kernels_of(masked, [(512, 64), (512, 64)])] == [1]


def test_a_long_sum_is_two_launches_and_what_waits_for_it_another():
    kernels = kernels_of(lambda xp, a: a / xp.sum(a), [(2 * LONG,)])
    assert [len(of_part) for of_part in kernels] == [2, 1]
    assert kernels[0][0].blocks == 2 * LONG // 1024
    assert kernels[1][0].blocks == 2 * LONG // 256
