"""The compiled step on CuPy: the readable step's bits unfused, its numbers fused, and captured.

What fused steps are off by is looked at when a plan is made (portanet.compiler.verification.compare), and refused
if it is too much; here no step may be refused, and the last of some steps is compared.
"""

import copy

import numpy as np
import pytest
from agreement import assert_ulps
from cases import LAYERS, LOSSES
from cases_optimizers import OPTIMIZERS
from cases_sequences import MORE_SEQUENCES
from test_compiler import Scale

import portanet
from portanet import (
    SGD,
    BatchNorm1d,
    DataLoader,
    Dataset,
    Linear,
    ReLU,
    Sequential,
    Trainer,
    compile_step,
)
from portanet.compiler.verification.compare import difference, some_ulps
from portanet.losses import MSE, CrossEntropy

F4 = np.float32


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


def train_twins(model, optimizer, batches, fuse):
    """Train a model compiled and its copy as it is written; return the step and both models."""
    twin = copy.deepcopy(model)
    plain, step = optimizer(twin), compile_step(model, optimizer(model), fuse=fuse)
    for x, y in batches:
        losses = step(x, y)
        wanted = twin.criterion.forward(twin.forward(x, training=True), y, training=True)
        twin.backward()
        plain.step()
        assert step.refused is None
        if not fuse:
            assert_same(model, twin)
            np.testing.assert_array_equal(losses.get(), wanted.get())
    return step, model, twin


def assert_same(model, twin):
    for name, p in twin.named_parameters().items():
        mine = model.named_parameters()[name]
        np.testing.assert_array_equal(mine.grad.get(), p.grad.get(), err_msg=name)
        np.testing.assert_array_equal(mine.value.get(), p.value.get(), err_msg=name)
    for name, b in twin.named_buffers().items():
        mine = model.named_buffers()[name].value
        np.testing.assert_array_equal(mine.get(), b.value.get(), err_msg=name)


def captured(step):
    return [planned.plan._loaded.captured for planned in step.plans.values()]


def case_batch(case, backend):
    x, layer = case.input(), case.layer()
    floats = x.dtype.kind == "f"
    x = x.astype(F4) if floats else x
    model = Sequential([Scale(), layer] if floats else [layer], MSE()).to(dtype="float32")
    y = np.random.default_rng(1).standard_normal(copy.deepcopy(model)(x).shape).astype(F4)
    return model.to("cupy"), (backend.asarray(x), backend.asarray(y))


def gradients(model):
    return {n: model.backend.to_numpy(p.grad) for n, p in model.named_parameters().items()}


@pytest.mark.parametrize("fuse", [False, True], ids=["unfused", "fused"])
@pytest.mark.parametrize("case", [*LAYERS, *MORE_SEQUENCES], ids=lambda case: case.id)
def test_layers(case, fuse, backend):
    model, batch = case_batch(case, backend)
    step, *twins = train_twins(model, lambda m: SGD(m, lr=0.01, momentum=0.9), [batch] * 5, fuse)
    if fuse:
        mine, readable = (gradients(m) for m in twins)
        assert difference(mine, readable, lambda n, w: 8 * some_ulps(n, w)) == {}
        assert captured(step) == [True]


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_losses_give_the_same_bits_unfused(case, backend):
    y_hat, y = case.data()
    y = y.astype(F4) if y.dtype.kind == "f" else y
    model = Sequential([Scale()], case.make()).to("cupy", dtype="float32")
    batch = backend.asarray(y_hat.astype(F4)), backend.asarray(y)
    train_twins(model, lambda m: SGD(m, lr=0.01), [batch] * 5, fuse=False)


def test_sums_in_two_launches(backend):
    """A tall batch: statistics, gradients of biases and the sum of losses, in one graph.

    n roundings of either sign are sqrt(n) in size: a sum of 40,000 numbers is off by some 200 at
    most, the readable step's likewise.
    """
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40_000, 3)).astype(F4), rng.standard_normal((40_000, 2)).astype(F4)
    portanet.seed(0)
    layers = [BatchNorm1d(3), Linear(3, 4), ReLU(), Linear(4, 2)]
    model = Sequential(layers, MSE()).to("cupy")
    batch = backend.asarray(x), backend.asarray(y)
    step, *twins = train_twins(model, lambda m: SGD(m, lr=0.01), [batch] * 4, fuse=True)
    mine, readable = (gradients(m) for m in twins)
    assert difference(mine, readable, lambda n, w: 200 * some_ulps(n, w)) == {}
    assert captured(step) == [True]
    (planned,) = step.plans.values()
    assert planned.plan.source.count("_rest(") >= 4  # two biases, a mean, a variance


def small():
    portanet.seed(0)
    return Sequential([Linear(5, 4), ReLU(), Linear(4, 3)], CrossEntropy()).to("cupy")


@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.1}, {"accumulate": 3}], ids=str)
@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.id)
def test_rules_give_the_same_bits_unfused(case, options, backend):
    rng = np.random.default_rng(0)
    arrays = [(rng.standard_normal((8, 5)).astype(F4), rng.integers(0, 3, 8)) for _ in range(12)]
    batches = [(backend.asarray(x), backend.asarray(y)) for x, y in arrays]
    train_twins(small(), lambda m: case.make(m, **options), batches, fuse=False)


def test_two_plans_and_a_readable_step_take_turns(backend):
    """Epochs with a smaller last batch, and another model of the same kind between them."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((70, 5)).astype(F4), rng.integers(0, 3, 70)
    models = [small(), small(), small()]
    trainers = [
        Trainer(m, SGD(m, lr=0.1), DataLoader(Dataset(X, y), batch_size=16), compile=fast)
        for m, fast in zip(models, [True, True, False], strict=True)
    ]
    for _ in range(6):
        for trainer in trainers:
            trainer.train(1, log_level=0)
    assert [len(t.compiled.plans) for t in trainers[:2]] == [2, 2]
    assert all(p.plan._gathered.captured for p in trainers[0].compiled.plans.values())
    one, two, plain = (m.named_parameters() for m in models)
    for name, p in plain.items():
        np.testing.assert_array_equal(one[name].value.get(), two[name].value.get())
        assert_ulps(name, one[name].value.get(), p.value.get(), "float32", 64)
