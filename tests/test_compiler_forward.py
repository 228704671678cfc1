"""compile_forward: outputs of a model, replayed; never others than forward's."""

import pickle
import threading

import numpy as np
import pytest
from cases import LAYERS
from cases_sequences import MORE_SEQUENCES
from test_compiler import Scale

import portanet
from portanet import (
    SGD,
    BatchNorm1d,
    BCEWithLogits,
    Conv2d,
    CrossEntropy,
    Embedding,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    compile_forward,
    compile_step,
)
from portanet.backends._llvm import machine
from portanet.compiler import NotCompiledWarning
from portanet.compiler.forward import MAX_PLANS
from portanet.dispatch import from_host
from portanet.errors import DataError
from portanet.losses import MSE

F4 = np.float32
FAST = [False, pytest.param(True, marks=pytest.mark.skipif(not machine.available(), reason="llvmlite is not installed"))]  # fmt: skip


def network():
    portanet.seed(0)
    return Sequential([Linear(5, 4), ReLU(), Linear(4, 3)], CrossEntropy())


def inputs(n=8, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 5)).astype(F4)


def near(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fast", FAST)
@pytest.mark.parametrize("case", [*LAYERS, *MORE_SEQUENCES], ids=lambda case: case.id)
def test_every_layer_gives_what_it_gives_as_written(case, fast):
    x, layer = case.input(), case.layer()
    floats = x.dtype.kind == "f"
    x = x.astype(F4) if floats else x
    model = Sequential([Scale(), layer] if floats else [layer], MSE()).to(dtype="float32")
    forward = compile_forward(model, fast=fast)
    for scale in (1, 2, 3):
        given = (x * F4(scale)).astype(F4) if floats else x
        found, wanted = forward(given), model.forward(given)
        # the row's own bound against PyTorch, for each of two roundings, and a scale more
        tolerance = 4 * case.ulps * np.finfo(F4).eps * max(np.abs(wanted).max(initial=0), 1)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)
    assert forward.refused is None


@pytest.mark.parametrize("fast", FAST)
def test_what_is_given_stays_as_it_was(fast):
    forward = compile_forward(network(), fast=fast)
    kept = [(forward(inputs(seed=i)), network().forward(inputs(seed=i))) for i in range(5)]
    for found, wanted in kept:
        near(found, wanted)


@pytest.mark.parametrize("fast", FAST)
def test_a_convolution_is_replayed_too(fast):
    portanet.seed(0)
    layers = [Conv2d(1, 4, 3, padding="same"), ReLU(), MaxPool2d(2), Flatten(), Linear(36, 2)]
    model = Sequential(layers, CrossEntropy())
    forward = compile_forward(model, fast=fast)
    for i in range(4):
        x = np.random.default_rng(i).standard_normal((3, 1, 6, 6)).astype(F4)
        near(forward(x), model.forward(x))
    assert forward.refused is None


def test_it_follows_training_assignments_and_new_layers():
    model = network()
    forward, step = compile_forward(model), compile_step(model, SGD(model, lr=0.5))
    for i in range(6):
        step(inputs(seed=i), np.arange(8) % 3)
        near(forward(inputs()), model.forward(inputs()))
    model.layers[0].bias.value = np.ones(4, F4)
    near(forward(inputs()), model.forward(inputs()))
    model.layers[2] = Linear(4, 2)
    assert forward(inputs()).shape == (8, 2)
    near(forward(inputs()), model.forward(inputs()))
    model.to(dtype="float64")
    near(forward(inputs().astype("f8")), model.forward(inputs().astype("f8")))
    assert forward.refused is None


def test_other_shapes_have_plans_of_their_own_and_the_oldest_makes_place():
    model = network()
    forward = compile_forward(model)
    for n in (*range(1, MAX_PLANS + 3), 1):
        for _ in range(2):
            near(forward(inputs(n)), model.forward(inputs(n)))
    assert len(forward._plans) == MAX_PLANS


def test_running_statistics_are_read_as_they_are():
    portanet.seed(0)
    model = Sequential([Linear(5, 3), BatchNorm1d(3)], MSE())
    forward = compile_forward(model)
    for i in range(4):
        model.forward(inputs(seed=i), training=True)
        near(forward(inputs()), model.forward(inputs()))


def test_indices_are_looked_at_in_each_call():
    portanet.seed(0)
    model = Sequential([Embedding(7, 2), Flatten(), Linear(4, 1)], BCEWithLogits())
    forward, x = compile_forward(model), np.asarray([[0, 6], [1, 2]])
    for _ in range(3):
        near(forward(x), model.forward(x))
    with pytest.raises(DataError, match="7"):
        forward(x + 1)


class Drawing(Layer):
    """Draws in each pass, training or not."""

    def forward(self, x, *, training=False):
        return x + from_host(lambda: np.random.default_rng().standard_normal(x.shape).astype(F4), x)

    def backward(self, grad):
        return grad


class Counting(Layer):
    """Counts its passes."""

    n = 0

    def forward(self, x, *, training=False):
        self.n += 1
        return x * self.n

    def backward(self, grad):
        return grad


@pytest.mark.parametrize(("layer", "why"), [(Drawing, "draws random"), (Counting, "changes the")])
def test_what_cannot_be_compiled_runs_as_it_is_written(layer, why):
    model = Sequential([layer()], MSE())
    forward = compile_forward(model)
    with pytest.warns(NotCompiledWarning, match=why):
        first = forward(inputs())
    assert why in forward.refused
    assert (forward(inputs()) != first).any()
    assert getattr(model.layers[0], "n", 2) == 2


def test_a_second_thread_computes_as_it_is_written():
    model = network()
    forward, wanted = compile_forward(model), [model.forward(inputs(seed=i)) for i in range(40)]
    found = {}

    def work(first):
        for i in range(first, 40, 4):
            found[i] = [forward(inputs(seed=i)) for _ in range(50)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, outputs in found.items():
        for output in outputs:
            near(output, wanted[i])


def test_a_copy_makes_plans_of_its_own():
    forward = compile_forward(network())
    forward(inputs())
    other = pickle.loads(pickle.dumps(forward))
    near(other(inputs()), forward(inputs()))
    assert other.model is not forward.model
