"""Plans compiled by LLVM: shared code, no clock, the same bits after a resume, and faults that are found."""

import ast
import warnings

import numpy as np
import pytest
from test_compiler import batches, small

import portanet
from portanet import (
    LSTM,
    SGD,
    Adam,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Dropout,
    Layer,
    Linear,
    Parameter,
    ReLU,
    Sequential,
    Tanh,
    Trainer,
    TransformerBlock,
)
from portanet.backends import get
from portanet.backends._llvm import machine
from portanet.backends._numpy import blas
from portanet.compiler import NotCompiledWarning, compile_step
from portanet.compiler.engines.numpy import engine
from portanet.compiler.engines.numpy.pays import steps_until_it_pays
from portanet.compiler.tracing.trace import trace_step
from portanet.errors import ArgumentError, ShapeError
from portanet.losses import MSE

pytest.importorskip("llvmlite", reason="plans are compiled by LLVM (extra `fast`)")
F4 = np.float32


def data(n, n_inp, n_out=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, n_inp)).astype(F4)
    return x, (rng.random((n, n_out)) > 0.5).astype(F4)


def step_of(layers, criterion=None, rule=SGD, **options):
    model = Sequential(layers, criterion or BCEWithLogits())
    return compile_step(model, rule(model, lr=0.1), **({"fast": True} | options))


def texts(step):
    """What a step's kernels are made of."""
    return [kernel.text for planned in step.plans.values() for kernel in planned.plan.kernels]


def take(step, x, y, n=3):
    for _ in range(n):
        step(x, y)
    assert step.refused is None
    return step


# shared code


def test_another_width_and_another_batch_compile_nothing():
    take(step_of([Linear(7, 5), Tanh(), Linear(5, 1)], rule=Adam), *data(32, 7))
    before = set(machine._CODE)
    other = take(step_of([Linear(11, 6), Tanh(), Linear(6, 1)], rule=Adam), *data(32, 11))
    take(other, *data(9, 11))
    take(other, *data(200, 11))
    assert set(machine._CODE) == before


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        (lambda n: [part for _ in range(n) for part in (Linear(6, 6), Tanh())], (8, 6)),
        (lambda n: [TransformerBlock(8, 2) for _ in range(n)], (4, 3, 8)),
    ],
    ids=["dense", "transformer"],
)
def test_compiling_grows_with_what_is_different_and_not_with_depth(layers, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(F4)
    few, many = (take(step_of(layers(n), MSE()), x, x) for n in (3, 9))
    assert set(texts(many)) == set(texts(few))
    assert len(texts(many)) > 2 * len(texts(few))


def test_compiling_does_not_grow_with_the_length_of_a_sequence():
    rng = np.random.default_rng(0)
    few, many = (
        take(step_of([LSTM(3, 4)], MSE()), x, x[:, :, :1] * np.ones(4, F4))
        for x in (rng.standard_normal((5, n, 3)).astype(F4) for n in (6, 24))
    )
    assert set(texts(many)) == set(texts(few))


def test_copies_are_kernels():
    """No line of NumPy comes between the time steps of a recurrent layer."""
    x = np.random.default_rng(0).standard_normal((5, 6, 3)).astype(F4)
    step = take(step_of([LSTM(3, 4)], MSE()), x, np.zeros((5, 6, 4), F4))
    (planned,) = step.plans.values()
    assert sum("run_kernels" in line for line, _ in planned.plan.lines) == 1
    assert all(not nodes for line, nodes in planned.plan.lines if "run_kernels" not in line)


# no clock


def test_when_compiling_pays_is_a_rule_over_the_graph():
    found = []
    for layers, shape in (
        ([Linear(30, 20), ReLU(), Linear(20, 1)], (64, 30)),
        ([Linear(784, 256), ReLU(), Linear(256, 128), ReLU(), Linear(128, 1)], (128, 784)),
    ):
        model = Sequential(layers, BCEWithLogits())
        x, y = data(*shape)
        numpy = engine.NumpyEngine(get("numpy"), True, None)
        graph = trace_step(model, Adam(model, lr=0.1), x, y, numpy.same_memory).tape.graph
        found.append(steps_until_it_pays(graph))
        assert steps_until_it_pays(graph) == found[-1]
        assert numpy.faster_from(graph) == found[-1]
    small_one, large_one = found
    assert 20 * large_one < small_one < 100_000


def trained(n_epochs, resumed_at, monkeypatch, tmp_path, fast=None):
    """The weights after some epochs; at one of them all is saved, and goes on in new objects."""
    monkeypatch.setattr(engine, "steps_until_it_pays", lambda graph: 22)
    X, y = data(100, 6)

    def new():
        portanet.seed(0)
        model = Sequential([Linear(6, 8), Tanh(), Dropout(0.2), Linear(8, 1)], BCEWithLogits())
        train = DataLoader(Dataset(X, y), 16, shuffle=True)  # 7 steps an epoch, the last one short
        return Trainer(model, Adam(model, lr=0.01), train, fast=fast)

    trainer = new()
    for epoch in range(n_epochs):
        if epoch == resumed_at:
            portanet.save(tmp_path / "run", trainer.model, trainer.optimizer, trainer=trainer)
            trainer = new()
            portanet.load(tmp_path / "run", trainer.model, trainer.optimizer, trainer=trainer)
        trainer.train(1, log_level=0)
    assert trainer.compiled.refused is None
    plans = [planned.plan.compiled for planned in trainer.compiled.plans.values()]
    assert plans == [True, True]
    return [p.value for p in trainer.model.parameters()]


@pytest.mark.parametrize("fast", [None, True])
@pytest.mark.parametrize("resumed_at", [1, 2, 3, 4])
def test_a_run_that_is_resumed_gives_the_same_bits(resumed_at, fast, monkeypatch, tmp_path):
    """Before, at and after the step at which compiled plans are taken into use."""
    wanted = trained(6, -1, monkeypatch, tmp_path, fast)
    found = trained(6, resumed_at, monkeypatch, tmp_path, fast)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(mine, other)


class Carried(Layer):
    """Adds a mean that follows the batches: read and assigned in each step."""

    hidden = 0.0

    def forward(self, x, *, training=False):
        if training:
            self.hidden = 0.5 * self.hidden + x.mean(axis=0)
        return x + self.hidden

    def backward(self, grad):
        return grad


def test_what_was_frozen_shows_in_the_step_after_a_first_one_that_was_replayed():
    """That one is verified on the batch that was traced, where frozen numbers are right."""
    models = [Sequential([Linear(6, 3), Carried()], MSE()) for _ in range(2)]
    models[1].layers[0].weights.value = models[0].layers[0].weights.value
    step, twin = (compile_step(model, SGD(model, lr=0.1), fast=True) for model in models)
    twin.refused = "for this test"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCompiledWarning)
        for i in range(12):
            x, y = data(8, 6, 3, seed=i)
            np.testing.assert_allclose(step(x, y), twin(x, y), rtol=1e-5)
    assert step.refused is not None


class OneMore(Layer):
    """Its backward gives a gradient of another shape than its parameter, for short batches."""

    def __init__(self):
        self.shift = Parameter(np.zeros((4, 1), F4))

    def forward(self, x, *, training=False):
        return x + self.shift.value.mean()

    def backward(self, grad):
        self.shift.grad = grad[:4, :1]
        return grad


def test_what_the_optimizer_refuses_is_refused_in_a_first_step_that_is_replayed():
    model = Sequential([Linear(6, 3), OneMore()], MSE())
    step = take(
        compile_step(model, SGD(model, lr=0.1, accumulate=2), fast=True), *data(8, 6, 3), n=8
    )
    for _ in range(3):
        with pytest.raises(ShapeError, match=r"the gradient of layers.1.shift must be \(4, 1\)"):
            step(*data(3, 6, 3))
    take(step, *data(8, 6, 3), n=4)


# options


def test_a_trainer_has_fast_and_keeps_it_for_other_parts():
    X, y = data(64, 6)

    def parts():
        model = Sequential([Linear(6, 1)], BCEWithLogits())
        return model, SGD(model, lr=0.1)

    trainer = Trainer(*parts(), DataLoader(Dataset(X, y), 16), fast=True)
    for _ in range(2):
        trainer.train(2, log_level=0)
        (planned,) = trainer.compiled.plans.values()
        assert planned.plan.compiled
        trainer.model, trainer.optimizer = parts()


def test_what_is_not_installed_is_refused_by_name(monkeypatch):
    model = small()
    x, y = next(iter(batches(1)))
    monkeypatch.setattr(blas, "mkl", lambda: None)
    step = compile_step(model, SGD(model, lr=0.1), mkl=True)
    with pytest.raises(ArgumentError, match=r"mkl=True needs Intel's MKL.*pip install"):
        take(step, x, y)
    monkeypatch.setattr(machine, "available", lambda: False)
    step = compile_step(model, SGD(model, lr=0.1), fast=True)
    with pytest.raises(ArgumentError, match=r"fast=True needs llvmlite.*pip install"):
        take(step, x, y)


# faults


@pytest.fixture
def wrong_tanh(monkeypatch):
    """Let tanh be another function in kernels."""
    from portanet.backends._llvm import kernel

    (tree,) = ast.parse("def tanh32(x):\n    return x - x * x * x / 6.0\n").body
    functions = dict(kernel.library()) | {"tanh32": tree}
    monkeypatch.setattr(kernel, "library", lambda: functions)
    monkeypatch.setattr(machine, "_CODE", Numbered(len(machine._CODE) + 10_000))


class Numbered(dict):
    """Code whose symbols are numbered from somewhere on: LLVM forgets none that there were."""

    def __init__(self, start):
        super().__init__()
        self.start = start

    def __len__(self):
        return self.start + super().__len__()


@pytest.mark.parametrize("scale", [1.0, 3e5], ids=["small targets", "large targets"])
def test_a_wrong_function_is_found_whatever_the_targets(wrong_tanh, scale):
    x = np.random.default_rng(0).standard_normal((64, 8)).astype(F4)
    step = step_of([Linear(8, 8), Tanh(), Linear(8, 1)], MSE(), rule=Adam)
    y = (scale * (1 + x[:, :1])).astype(F4)
    step(x, y)
    with pytest.warns(NotCompiledWarning, match="verification failed"):
        step(x, y)


def evaluated(n):
    X, y = data(64, 6)
    portanet.seed(0)
    model = Sequential([Linear(6, 4), Tanh(), Linear(4, 1)], BCEWithLogits())
    loader = DataLoader(Dataset(X, y), 16)
    trainer = Trainer(model, SGD(model, lr=0.1), loader, loader, fast=True)
    return trainer, [trainer.evaluate(loader)[0] for _ in range(n)]


def test_a_wrong_function_is_not_used_for_evaluation(wrong_tanh):
    trainer, found = evaluated(5)
    X, y = data(64, 6)
    readable = trainer.model.criterion.forward(trainer.model(X), y).mean()
    np.testing.assert_allclose(found, readable, rtol=1e-6)


def test_an_evaluation_that_cannot_be_compiled_runs_as_it_is_written(monkeypatch):
    wanted = evaluated(1)[1]

    def broken(*args):
        raise RuntimeError("LLVM cannot")

    monkeypatch.setattr(machine, "kernel", broken)
    assert evaluated(4)[1] == pytest.approx(4 * wanted, rel=1e-6)
