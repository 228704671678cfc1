"""Long sums in compiled kernels: in blocks, so that rounding errors grow as √n and not as n."""

from math import prod

import numpy as np
import pytest
from of_function import OfFunction

import portanet
from portanet import Sequential
from portanet.backends._llvm import machine
from portanet.compiler.engines.llvm.blocks import LEAST, block_length
from portanet.layers.embedding import segment_sum
from portanet.losses import MSE

pytest.importorskip("llvmlite", reason="plans are compiled by LLVM (extra `fast`)")
UNIT = 2.0**-24  # half an ulp of 1
N = 100_000
SHAPES = {  # shape, axis
    "a row": ((1, N), 1),
    "some rows": ((3, N // 4 + 1), 1),
    "channels of images": ((16, 3, 32, 32), (0, 2, 3)),
    "all": ((16_384,), None),
    "columns": ((N, 5), 0),
    "columns of planes": ((300, 2, 3), (0, 1)),
    "columns of long planes": ((3, 5000, 2), (0, 1)),
    "not twice in whole blocks": ((1, LEAST + 1), 1),
}


def equal(shape, _):
    return np.full(shape, 0.1, "float32")


def swallowed(shape, axis):
    """One first, then numbers that one by one leave it as it is: half of an ulp's half."""
    x = np.full(shape, UNIT / 2, "float32")
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis)
    x[tuple(0 if i in axes else slice(None) for i in range(x.ndim))] = 1
    return x


def computed(function, x, first=None):
    """The function of an array, compiled; and its plan, which was verified with another array."""
    model = Sequential([OfFunction(function)], MSE())
    forward = portanet.compile_forward(model, fast=True)
    for _ in range(2):  # as it is written, and verified
        forward(x if first is None else first)
    y = forward(x)
    assert forward.refused is None
    (plan,) = forward._plans.values()
    return y, plan


def n_roundings(shape, axis):
    """How many additions, one after the other, a number goes through at most.

    A loop over n numbers makes n of them, or block + n / block; columns are cut once.
    """
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis)
    lengths = [shape[i] for i in axes]
    rows = [n if n <= LEAST else block_length(n) + -(-n // block_length(n)) for n in lengths]
    n = prod(lengths)
    columns = block_length(n) + 2 * -(-n // block_length(n))  # a block may be half as long
    return sum(rows) if axes[-1] == len(shape) - 1 or len(shape) == 4 else columns


# columns are added one after the other by NumPy: it would be off by more than what is verified
TAKEN = [(name, numbers) for name in SHAPES for numbers in (equal, swallowed)]
TAKEN = [(n, f) for n, f in TAKEN if f is equal or not n.startswith("columns")]


@pytest.mark.parametrize(("name", "numbers"), TAKEN)
def test_sums_and_means_are_off_by_the_roundings_of_their_blocks(name, numbers):
    """Each addition is off by half an ulp of a total, which is at most the sum of the sizes."""
    shape, axis = SHAPES[name]
    x = numbers(shape, axis)
    right, most = np.sum(x, axis, np.float64, keepdims=True), n_roundings(shape, axis) * UNIT
    n = x.size // right.size
    y, plan = computed(lambda xp, x: xp.sum(x, axis=axis, keepdims=True), x)
    assert any("(b" in kernel.text for kernel in plan.kernels)
    np.testing.assert_allclose(y, right, rtol=most)
    y, _ = computed(lambda xp, x: xp.mean(x, axis=axis, keepdims=True), x)
    np.testing.assert_allclose(y, right / n, rtol=most + UNIT)


@pytest.mark.parametrize("name", ["a row", "channels of images"])
def test_variances_are_off_by_the_roundings_of_their_blocks(name):
    """d = x - m is off by half an ulp and the error of m, d² by 2 |d| times that and half an ulp.

    All but the first number are nearly ±√(UNIT / 2), so that the first square swallows the others.
    """
    shape, axis = SHAPES[name]
    signs = np.where(np.arange(prod(shape)) % 2, -1, 1).reshape(shape)
    x = (np.sqrt(swallowed(shape, axis)) * signs).astype("float32")
    y, _ = computed(lambda xp, x: xp.var(x, axis=axis, keepdims=True), x)
    exact, most = x.astype("float64"), (n_roundings(shape, axis) + 1) * UNIT
    deviations = np.abs(exact - exact.mean(axis, keepdims=True)).mean(axis, keepdims=True)
    of_mean = most * np.abs(exact).mean(axis, keepdims=True)
    right = np.var(exact, axis, keepdims=True)
    assert (
        np.abs(y - right) <= (most + 3 * UNIT) * right + 2 * deviations * of_mean + of_mean**2
    ).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_other_lengths_have_the_same_code(axis):
    shape = [3, 3]
    shape[axis] = 1000
    computed(lambda xp, x: xp.sum(x * 3 - 1, axis=axis), np.ones(shape, "float32"))
    before = set(machine._CODE)
    shape[axis] = 100_003
    computed(lambda xp, x: xp.sum(x * 3 - 1, axis=axis), np.ones(shape, "float32"))
    assert set(machine._CODE) == before


def test_a_long_segment():
    """Segment 1 has half of the rows; where there are more segments than rows blocks would not pay.

    NumPy's product with a one-hot matrix loses these numbers on some machines, and would be no
    judge of them: the plan is verified with others.
    """
    x = swallowed((N, 3), 0)
    x[1::2, 0] = 0
    others = (x > 0) * np.random.default_rng(0).uniform(-1, 1, x.shape).astype("float32")

    def function(xp, x, n=2):
        return segment_sum(xp.abs(x), xp.astype(x[:, 0] > 0, xp.int64), n)

    y, plan = computed(function, x, others)
    assert "segment_sum_in_blocks" in [kernel.name for kernel in plan.kernels]
    right = [x[i::2].sum(0, np.float64) for i in (1, 0)]
    np.testing.assert_allclose(y, right, rtol=n_roundings((N, 3), 0) * UNIT)
    few = x[:300]
    y, plan = computed(lambda xp, x: function(xp, x, 301), few)
    assert "segment_sum" in [kernel.name for kernel in plan.kernels]
    np.testing.assert_allclose(y[:2], [few[i::2].sum(0) for i in (1, 0)], rtol=150 * UNIT)
