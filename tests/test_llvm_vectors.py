"""Products with vectors in compiled plans: sums in the loops beside them, not calls of the BLAS."""

from itertools import pairwise

import numpy as np
import pytest

import portanet
from portanet import (
    MSE,
    SGD,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Linear,
    ReLU,
    Sequential,
    Trainer,
)
from portanet.backends._llvm import machine

pytestmark = pytest.mark.skipif(not machine.available(), reason="llvmlite is not installed")


def plan_of(step, x, y):
    for _ in range(4):
        step(x, y)
    assert step.refused is None
    (planned,) = step.plans.values()
    return planned.plan


def products(plan):
    return sum("gemm" in kernel.text for kernel in plan.kernels)


def batch(n, n_in, n_out, dtype="float32"):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, n_in)).astype(dtype), rng.normal(size=(n, n_out)).astype(dtype)


@pytest.mark.parametrize(
    ("sizes", "n", "left"),
    [
        ((30, 20, 1), 64, 2),  # the last layer has one output: its three products are sums
        ((30, 20, 2), 64, 5),
        ((30, 20, 1), 1, 0),  # all are with the one sample, a vector
        ((1, 20, 1), 64, 0),
        ((2000, 20, 1), 64, 2),
        ((2000, 1), 64, 2),  # 128,000 multiplications: the BLAS's
    ],
)
def test_small_products_with_vectors_are_sums(sizes, n, left):
    portanet.seed(0)
    layers = [Linear(a, b) for a, b in pairwise(sizes)]
    model = Sequential([*layers[:1], ReLU(), *layers[1:]], MSE())
    step = portanet.compile_step(model, SGD(model, lr=0.01), fast=True)
    assert products(plan_of(step, *batch(n, sizes[0], sizes[-1]))) == left


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(64, 30, 1), (1, 30, 5), (1, 30, 1), (64, 1, 5), (7, 2, 1)])
def test_steps_have_the_values_of_float64(shape, dtype):
    """The readable step in float64 is the oracle.

    A sum of 64 products of size 1 is off by some sqrt(64) = 8 ulps: with lr 0.1, 6 steps move a
    weight by 5 ulps, and round it 6 times by half of one. The bound is twice that.
    """
    n, n_in, n_out = shape
    x, y = batch(n, n_in, n_out, dtype)
    found = []
    for own, compiled in ((dtype, True), ("float64", False)):
        portanet.seed(0)
        model = Sequential([Linear(n_in, n_out), Linear(n_out, 1)], BCEWithLogits()).to(dtype=own)
        data = x.astype(own), (y[:, :1] > 0).astype(own)
        optimizer = SGD(model, lr=0.1)
        if compiled:
            step = portanet.compile_step(model, optimizer, fast=True)
        else:
            step = Trainer(model, optimizer, DataLoader(Dataset(*data), n), compile=False).step
        for _ in range(6):
            step(*data)
        assert not compiled or step.refused is None
        found.append([np.asarray(p.value, "float64") for p in model.parameters()])
    bound = 16 * np.finfo(dtype).eps
    for mine, right in zip(*found, strict=True):
        np.testing.assert_allclose(mine, right, rtol=bound, atol=bound)


def test_a_step_of_the_blogs_network_is_one_call():
    """Its states are copied home there, too."""
    model = Sequential([Linear(30, 20), ReLU(), Linear(20, 1)], BCEWithLogits())
    step = portanet.compile_step(model, SGD(model, lr=0.01), fast=True)
    x, y = batch(64, 30, 1)
    plan = plan_of(step, x, (y > 0).astype("float32"))
    assert [line for line, _ in plan.lines] == ["run_kernels(steps1)"]
    assert plan.n_before == 0  # no bytecode between the writing of states and counters
    assert plan.layout.copies
