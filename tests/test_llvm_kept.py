"""What a kernel of rows keeps for a later loop: exp is computed once, and nothing is overwritten."""

import numpy as np
import pytest
from of_function import OfFunction

import portanet
from portanet import Linear, Sequential
from portanet.losses import MSE

pytest.importorskip("llvmlite", reason="plans are compiled by LLVM (extra `fast`)")


def softmax(xp, x):
    e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    return e / xp.sum(e, axis=1, keepdims=True)


def with_x_again(xp, x):
    e = xp.exp(x)
    return e / xp.sum(e, axis=1, keepdims=True) + x * x


def two_sums(xp, x):
    e, t = xp.exp(-x), xp.tanh(x)
    return e / xp.sum(e, axis=1, keepdims=True) + t / (1 + xp.sum(t, axis=1, keepdims=True) ** 2)


def sum_of_a_sum(xp, x):
    e = xp.exp(x)
    p = e / xp.sum(e, axis=1, keepdims=True)
    return e * xp.sum(p * p, axis=1, keepdims=True)


# how many functions their kernels compute. The result lies where x was: nothing can be kept there
# where the last loop needs x, too
FUNCTIONS = {softmax: 1, with_x_again: 2, two_sums: 4, sum_of_a_sum: 1}


@pytest.mark.parametrize("n_features", [3, 16, 20, 50])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_kept_value_is_the_value(function, n_features):
    """float64 NumPy is the oracle.

    x is a sum of up to 50 products, off by n eps / 2 = 25 eps of their size, some 3 here; exp makes
    a relative error of that: 75 eps = 9e-6, and a quotient of two has twice as much.
    """
    rng = np.random.default_rng(1)
    x = rng.normal(size=(32, n_features)).astype("float32")
    portanet.seed(0)
    first = Linear(n_features, n_features)
    model = Sequential([first, OfFunction(function)], MSE())
    forward = portanet.compile_forward(model, fast=True)
    for _ in range(3):
        y = forward(x)
    assert forward.refused is None
    (plan,) = forward._plans.values()
    calls = sum(kernel.text.count("32(") for kernel in plan.kernels)
    assert calls == FUNCTIONS[function]
    w, b = (np.asarray(p.value, "float64") for p in first.parameters())
    right = function(np, x.astype("float64") @ w + b)
    np.testing.assert_allclose(y, right, rtol=2e-5, atol=2e-6)
