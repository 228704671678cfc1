"""The compiled step on JAX: the readable step's numbers but for rounding, compiled once a shape.

XLA fuses and contracts: a product and a sum are rounded once (FMA), and sums run in another order.
An operation is off by an ulp at its operands' sizes, a sum over k terms by k at most. Here k <= 24
(the batch and the widths), some 10 operations follow one another in a step, and 10 steps add up:
24 * 10 * 10 = 2400 ulps at an array's largest number bound what weights of about 1 pass on.
Roundings do not conspire: their root, 49, is what is asked for, as 64. Adam divides gradients by
their own size, so that small ones pass on their relative error: it has 1024.
"""

import copy
import warnings

import numpy as np
import pytest
from agreement import assert_ulps

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    DataLoader,
    Dataset,
    Dropout,
    Layer,
    Linear,
    NotCompiledWarning,
    Parameter,
    ReLU,
    Sequential,
    Tanh,
    Trainer,
    array_namespace,
    compile_step,
)  # fmt: skip
from portanet.losses import MSE, CrossEntropy
from portanet.schedules import StepDecay

DTYPES = ["float32", "float64"]


def pytest_generate_tests(metafunc):
    """On JAX only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["jax"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


@pytest.fixture
def compilations(backend, monkeypatch):
    """The functions that XLA has compiled: it runs them once in Python to see what they do."""
    compile_, counted = backend.compile, []

    def counting(function, **options):
        def counted_once(*args):
            counted.append(function)
            return function(*args)

        return compile_(counted_once, **options)

    monkeypatch.setattr(backend, "compile", counting)
    return counted


def mlp(*between):
    portanet.seed(0)
    return [Linear(12, 24), *between, ReLU(), Linear(24, 16), Tanh(), Linear(16, 3)]


def normalized():
    """Without a bias before the BatchNorm: its gradient would be 0, and compared in ulps of that."""
    return [Linear(12, 24, bias=False), BatchNorm1d(24), *mlp()[1:]]


def half_frozen():
    layers = mlp()
    layers[2].freeze()
    return layers


CASES = {
    "SGD": (mlp, lambda m: SGD(m, lr=0.1, momentum=0.9), 64),
    "Adam": (mlp, lambda m: Adam(m, lr=0.01), 1024),
    "clip_norm": (mlp, lambda m: SGD(m, lr=0.1, clip_norm=0.1), 64),
    "clip_value": (mlp, lambda m: SGD(m, lr=0.1, clip_value=0.01), 64),
    "accumulate": (mlp, lambda m: SGD(m, lr=0.1, momentum=0.9, accumulate=3), 64),
    "schedule": (mlp, lambda m: Adam(m, lr=StepDecay(0.01, every=3, gamma=0.5)), 1024),
    "Dropout": (lambda: mlp(Dropout(0.3)), lambda m: SGD(m, lr=0.1), 64),
    "BatchNorm": (normalized, lambda m: SGD(m, lr=0.1), 64),
    "frozen": (half_frozen, lambda m: Adam(m, lr=0.01), 1024),
}


def batches(backend, dtype, n, size=16):
    rng = np.random.default_rng(0)
    for _ in range(n):
        x, y = rng.standard_normal((size, 12)), rng.integers(0, 3, size)
        yield backend.asarray(x.astype(dtype)), backend.asarray(y)


def arrays_of(model, optimizer):
    """All that a step leaves: parameters, gradients, buffers, and what the optimizer keeps."""
    parameters, buffers = model.named_parameters(), model.named_buffers()
    found = {name: p.value for name, p in parameters.items()}
    found |= {f"grad of {name}": p.grad for name, p in parameters.items()}
    found |= {name: b.value for name, b in buffers.items()}
    return found | optimizer.state().arrays


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_training_is_the_readable_ones(case, dtype, backend, compilations):
    layers, rule, limit = CASES[case]
    model = Sequential(layers(), CrossEntropy()).to(backend.name, dtype=dtype)
    twin = copy.deepcopy(model)
    optimizer, plain = rule(model), rule(twin)
    step, readable = compile_step(model, optimizer), Trainer.step
    trainer = Trainer(twin, plain, DataLoader(Dataset([[0.0]], [0]), 1), compile=False)
    for i, (x, y) in enumerate(batches(backend, dtype, 10)):
        losses, wanted = step(x, y), readable(trainer, x, y)
        assert step.refused is None
        assert_ulps(f"losses of step {i}", losses, wanted, dtype, limit)
    got, wanted = arrays_of(model, optimizer), arrays_of(twin, plain)
    assert got.keys() == wanted.keys()
    for name in wanted:
        assert_ulps(name, got[name], wanted[name], dtype, limit)
    assert optimizer.state().numbers == plain.state().numbers
    # three kinds of steps take turns where gradients are accumulated
    assert len(compilations) == (3 if case == "accumulate" else 1)


@pytest.mark.parametrize("shuffle", [False, True])
def test_epochs_with_a_partial_last_batch(shuffle, backend, compilations):
    """A Trainer's epochs: batches are gathered by the compiled function, from where the data lie."""
    rng = np.random.default_rng(1)
    data = Dataset(rng.standard_normal((40, 12)).astype("float32"), rng.integers(0, 3, 40))
    runs = []
    for compiled in (True, False):
        model = Sequential(mlp(), CrossEntropy()).to(backend.name)
        loader = DataLoader(data, 16, shuffle=shuffle, seed=3)
        trainer = Trainer(model, SGD(model, lr=0.1), loader, loader, compile=compiled)
        trainer.train(6, log_level=0)
        runs.append((trainer, model))
    (mine, model), (plain, twin) = runs
    assert mine.compiled.refused is None
    for row, wanted in zip(mine.history, plain.history, strict=True):
        assert row == pytest.approx(wanted, rel=64 * 2.0**-23)
    for p, wanted in zip(model.parameters(), twin.parameters(), strict=True):
        assert_ulps("a parameter", p.value, wanted.value, "float32", 64)
    # full batches and the rest of 8: each is once given, to be checked, and from then on gathered
    assert len(compilations) == 4


def test_samples_with_weights(backend):
    rng = np.random.default_rng(1)
    data = Dataset(rng.standard_normal((40, 12)).astype("float32"), rng.integers(0, 3, 40))
    losses = []
    for compiled in (True, False):
        model = Sequential(mlp(), CrossEntropy(class_weights=[1.0, 2.0, 3.0])).to(backend.name)
        loader = DataLoader(data, 16)
        trainer = Trainer(model, SGD(model, lr=0.1), loader, loader, compile=compiled)
        trainer.train(6, log_level=0)
        losses.append([row["loss"] for row in trainer.history])
    assert losses[0] == pytest.approx(losses[1], rel=64 * 2.0**-23)


def test_learning_rates_are_arguments(backend, compilations):
    """A rate that is changed by hand takes effect and compiles nothing."""
    model = Sequential([Linear(12, 1)], MSE()).to(backend.name)
    optimizer = SGD(model, lr=0.5)
    step = compile_step(model, optimizer)
    (x, _), *_ = batches(backend, "float32", 1)
    y = backend.asarray(np.zeros((16, 1), "float32"))
    for lr in (0.5, 0.5, 0.25, 0.125):
        optimizer.lr = lr
        before = model.layers[0].weights.value
        step(x, y)
        grad, after = model.layers[0].weights.grad, model.layers[0].weights.value
        assert_ulps(f"lr {lr}", after, before - lr * grad, "float32", 1)
    assert len(compilations) == 1


def test_what_was_kept_stays(backend):
    """Arrays of JAX are immutable: a compiled step leaves those that it replaces as they were."""
    model = Sequential(mlp(), CrossEntropy()).to(backend.name)
    optimizer = Adam(model, lr=0.1)
    step = compile_step(model, optimizer)
    for i, (x, y) in enumerate(batches(backend, "float32", 5)):
        kept = arrays_of(model, optimizer) if i else {}
        numbers = {name: np.array(array) for name, array in kept.items()}
        step(x, y)
        for name, array in kept.items():
            np.testing.assert_array_equal(array, numbers[name], err_msg=name)
        moved = model.layers[0].weights.value
        assert not kept or bool((moved != kept["layers.0.weights"]).any())


def test_values_that_are_assigned_are_taken(backend, compilations):
    model = Sequential([Linear(12, 1)], MSE()).to(backend.name)
    step = compile_step(model, SGD(model, lr=0.5))
    (x, _), *_ = batches(backend, "float32", 1)
    y = backend.asarray(np.zeros((16, 1), "float32"))
    for _ in range(4):
        step(x, y)
    weights, bias = model.layers[0].weights, model.layers[0].bias
    weights.value, bias.value = weights.value * 0, bias.value * 0
    losses = step(x, y)
    assert float(abs(losses).max()) == 0
    assert float(abs(weights.value).max()) == 0
    assert len(compilations) == 1


def test_unfused_is_as_written(backend, compilations):
    """XLA always fuses; who wants the readable step's bits has the readable step."""
    model = Sequential(mlp(), CrossEntropy()).to(backend.name)
    step = compile_step(model, SGD(model, lr=0.1), fuse=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x, y in batches(backend, "float32", 3):
            step(x, y)
    assert not compilations


class Positive(Layer):
    """Adds up the positive numbers: how many there are is known only when it runs."""

    def __init__(self):
        self.a = Parameter(np.asarray(1.0, "float32"))

    def forward(self, x, *, training=False):
        xp = array_namespace(x)
        self._saved = x
        return self.a.value * xp.sum(x[x > 0]) + 0 * x

    def backward(self, grad):
        xp, x = array_namespace(grad), self._take_saved()
        self.a.grad = xp.sum(grad) * xp.sum(x[x > 0])
        return 0 * grad


def test_shapes_that_depend_on_numbers_are_refused(backend):
    """JAX compiles no such thing; the step is taken as it is written, and its numbers are right."""
    model = Sequential([Positive()], MSE()).to(backend.name)
    twin = copy.deepcopy(model)
    step, plain = compile_step(model, SGD(model, lr=1e-4)), SGD(twin, lr=1e-4)
    for i, (x, _) in enumerate(batches(backend, "float32", 4)):
        if i == 1:  # the first is taken as it is written, and its batch looked at; then one traces
            with pytest.warns(NotCompiledWarning, match="depends on the numbers"):
                step(x, x)
        else:
            step(x, x)
        twin.criterion.forward(twin.forward(x, training=True), x, training=True)
        twin.backward()
        plain.step()
    assert step.refused is not None
    assert float(model.layers[0].a.value) == float(twin.layers[0].a.value)


@pytest.mark.parametrize("at", [3, 7])
def test_a_run_that_is_resumed_ends_with_the_same_bits(at, backend, tmp_path):
    """XLA rounds otherwise than the readable step, and otherwise where it gathers the batch itself:
    neither the first step after a resume nor one that is verified may take another function.
    """

    def made(seed):
        portanet.seed(seed)
        X = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
        model = Sequential([Linear(5, 8), ReLU(), Linear(8, 1)], MSE()).to(backend.name)
        loader = DataLoader(Dataset(X, X[:, :1] ** 2), 8, shuffle=True)
        return Trainer(model, Adam(model, lr=0.02), loader)

    whole, first, second = made(0), made(0), made(7)
    whole.train(n_steps=9, log_level=0)
    first.train(n_steps=at, log_level=0)
    portanet.save(tmp_path / "run", first.model, first.optimizer, trainer=first)
    portanet.load(tmp_path / "run", second.model, second.optimizer, trainer=second)
    second.train(n_steps=9 - at, log_level=0)
    assert second.history == whole.history
    wanted = whole.optimizer.state().arrays | whole.model.snapshot().arrays
    for name, array in (second.optimizer.state().arrays | second.model.snapshot().arrays).items():
        np.testing.assert_array_equal(array, wanted[name], err_msg=name)
