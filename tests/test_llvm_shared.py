"""Groups of one structure share a kernel, and groups of another one do not."""

import numpy as np
import pytest
from of_function import OfFunction

import portanet
from portanet import Linear, Sequential
from portanet.losses import MSE

pytest.importorskip("llvmlite", reason="plans are compiled by LLVM (extra `fast`)")


def outputs(*functions):
    """The outputs of a network of these functions, compiled and in float64, and its kernels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 6)).astype("float32")
    portanet.seed(0)
    parts = [part for function in functions for part in (Linear(6, 6), OfFunction(function))]
    model = Sequential(parts, MSE())
    forward = portanet.compile_forward(model, fast=True)
    forward(x)
    found = forward(x)
    assert forward.refused is None
    right = x.astype("float64")
    for linear, function in zip(parts[::2], functions, strict=True):
        w, b = (np.asarray(p.value, "float64") for p in linear.parameters())
        right = function(np, right @ w + b)
    (plan,) = forward._plans.values()
    return found, right, [kernel for kernel in plan.kernels if "gemm" not in kernel.text]


def agrees(found, right):
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


def test_the_same_operations_share_a_kernel():
    function = lambda xp, x: xp.tanh(x) * 2.0  # noqa: E731
    found, right, kernels = outputs(function, function, function)
    agrees(found, right)
    assert len(kernels) == 3
    assert len({kernel.text for kernel in kernels}) == 1
    assert len({tuple(kernel.table) for kernel in kernels}) == 3  # each with arrays of its own


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda xp, x: x * 3.0, lambda xp, x: x * 5.0),
        # ±1 by the sign of a zero
        (
            lambda xp, x: xp.minimum(xp.maximum(1 / (x * 0.0), -1.0), 1.0),
            lambda xp, x: xp.minimum(xp.maximum(1 / (x * -0.0), -1.0), 1.0),
        ),
        (lambda xp, x: x - xp.tanh(x), lambda xp, x: xp.tanh(x) - x),
        (lambda xp, x: xp.tanh(x), lambda xp, x: xp.tanh(x[::-1, ...])),
        (lambda xp, x: x + xp.sum(x, axis=1, keepdims=True), lambda xp, x: x + xp.sum(x, axis=0)),
        (lambda xp, x: x + x[:1, ...], lambda xp, x: x + x[1:2, ...]),
    ],
)
def test_what_differs_a_little_is_computed_rightly_beside_the_other(one, other):
    for functions in ((one, other), (other, one), (one, other, one)):
        with np.errstate(divide="ignore"):
            found, right, _ = outputs(*functions)
        agrees(found, right)
