"""The gradient of an embedding in compiled plans, and pooling in blocks: against NumPy."""

import numpy as np
import pytest

import portanet
from portanet import SGD, BCEWithLogits, Embedding, Flatten, Linear, Sequential
from portanet.backends._llvm import kernels_pool
from portanet.layers.windows import Window

pytest.importorskip("llvmlite", reason="plans are compiled by LLVM (extra `fast`)")


@pytest.mark.parametrize("n_tokens", [2, 40])
@pytest.mark.parametrize("n_features", [1, 5, 16])
def test_gradients_of_tokens_that_come_often_and_never(n_tokens, n_features):
    """A sum of at most 24 float32 numbers is off by at most 24 half ulps of their sizes' sum."""
    portanet.seed(0)
    rng = np.random.default_rng(0)
    model = Sequential(
        [Embedding(n_tokens, n_features), Flatten(), Linear(3 * n_features, 1)], BCEWithLogits()
    )
    step = portanet.compile_step(model, SGD(model, lr=0.1), fast=True)
    x = rng.integers(0, n_tokens, (8, 3))
    x[:, 0], x[x == n_tokens - 1] = 0, 0  # the first comes often, the last never
    y = (rng.random((8, 1)) > 0.5).astype("float32")
    for _ in range(4):
        before = [np.asarray(p.value, "float64") for p in model.parameters()]
        step(x, y)
    assert step.refused is None
    (planned,) = step.plans.values()
    assert "segment_sum" in [kernel.name for kernel in planned.plan.kernels]
    found, rows = model.layers[0].weights.grad, gradient_of_rows(x, y, *before)
    right, size = np.zeros((n_tokens, n_features)), np.zeros((n_tokens, n_features))
    np.add.at(right, x.ravel(), rows)
    np.add.at(size, x.ravel(), np.abs(rows))
    assert (np.abs(found - right) <= 24 * np.finfo("float32").eps * size + 1e-7).all()
    assert not found[n_tokens - 1].any()


def gradient_of_rows(x, y, table, w, bias):
    """dL/d(row) of each token in float64."""
    logits = table[x].reshape(8, -1) @ w + bias
    grad = (1 / (1 + np.exp(-logits)) - y) / y.size
    return (grad @ w.T).reshape(-1, table.shape[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 8, 9, 14, 15, 16, 17, 33])
def test_pooling_in_blocks_is_pooling(monkeypatch, width, dtype):
    """Blocks of 16, 8, 4 or 1 windows, the last over the one before; equal numbers come often."""
    monkeypatch.setattr(kernels_pool, "LEAST", {})
    window = Window((2, 3), stride=(2, 3))
    rng = np.random.default_rng(width)
    x = rng.integers(0, 4, (2, 3, 7, 3 * width + 1)).astype(dtype)
    y = kernels_pool.max_pool2d(x, window)
    seen = x[..., :6, : 3 * width].reshape(2, 3, 3, 2, width, 3)
    np.testing.assert_array_equal(y, seen.max(axis=(3, 5)))
    grad = rng.normal(size=y.shape).astype(dtype)
    first = np.moveaxis(seen, 3, 4).reshape(2, 3, 3, width, 6).argmax(axis=-1)  # row by row
    right = np.zeros_like(x)
    for n, c, p, q in np.ndindex(*y.shape):
        i, j = divmod(first[n, c, p, q], 3)
        right[n, c, 2 * p + i, 3 * q + j] = grad[n, c, p, q]
    found = kernels_pool.max_pool2d_backward(grad, x, y, window)
    np.testing.assert_array_equal(found, right)
