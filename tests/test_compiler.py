"""The compiled step: the same bits as the readable one, for every row of the catalogue."""

import copy

import numpy as np
import pytest
from cases import LAYERS, LOSSES
from cases_optimizers import OPTIMIZERS
from cases_sequences import MORE_SEQUENCES

import portanet
from portanet import SGD, Layer, Linear, Parameter, ReLU, Sequential, array_namespace
from portanet.compiler import compile_step
from portanet.losses import MSE, CrossEntropy

F4 = np.float32


class Scale(Layer):
    """y = a x, so that a network without parameters has one to train."""

    def __init__(self):
        self.a = Parameter(np.asarray(0.9, F4))

    def forward(self, x, *, training=False):
        if training:
            self._saved = x
        return self.a.value * x

    def backward(self, grad):
        self.a.grad = array_namespace(grad).sum(grad * self._take_saved())
        return grad * self.a.value


def assert_same_training(model, optimizer, batches, **options):
    """Train a model and its copy, compiled and as it is written; compare all bits after each step."""
    twin = copy.deepcopy(model)
    plain = optimizer(twin)
    step = compile_step(model, optimizer(model), fuse=False, **options)
    for x, y in batches:
        losses = step(x, y)
        wanted = twin.criterion.forward(twin.forward(x, training=True), y, training=True)
        twin.backward()
        plain.step()
        assert step.refused is None
        np.testing.assert_array_equal(losses, wanted)
        for name, p in twin.named_parameters().items():
            mine = model.named_parameters()[name]
            np.testing.assert_array_equal(mine.grad, p.grad, err_msg=name)
            np.testing.assert_array_equal(mine.value, p.value, err_msg=name)
        for name, b in twin.named_buffers().items():
            np.testing.assert_array_equal(model.named_buffers()[name].value, b.value, err_msg=name)
    return step


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [*LAYERS, *MORE_SEQUENCES], ids=lambda case: case.id)
def test_layers_give_the_same_bits(case, dtype):
    x = case.input()
    layer = case.layer()
    floats = x.dtype.kind == "f"
    x = x.astype(dtype) if floats else x
    model = Sequential([Scale(), layer] if floats else [layer], MSE()).to(dtype=dtype)
    y = np.random.default_rng(1).standard_normal(copy.deepcopy(model)(x).shape).astype(dtype)
    assert_same_training(model, lambda m: SGD(m, lr=0.01, momentum=0.9), [(x, y)] * 5)


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_losses_give_the_same_bits(case):
    y_hat, y = case.data()
    x = y_hat.astype(F4)
    y = y.astype(F4) if y.dtype.kind == "f" else y
    assert_same_training(
        Sequential([Scale()], case.make()).to(dtype="float32"),
        lambda m: SGD(m, lr=0.01),
        [(x, y)] * 5,
    )


def small():
    portanet.seed(0)
    return Sequential([Linear(5, 4), ReLU(), Linear(4, 3)], CrossEntropy())


def batches(n, size=8, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal((size, 5)).astype(F4), rng.integers(0, 3, size)) for _ in range(n)]


@pytest.mark.parametrize(
    "options", [{}, {"clip_norm": 0.1}, {"clip_value": 0.01}, {"accumulate": 3}], ids=str
)
@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.id)
def test_rules_give_the_same_bits(case, options):
    assert_same_training(small(), lambda m: case.make(m, **options), batches(20))
