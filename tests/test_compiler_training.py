"""Whole runs of the Trainer: compiled, unfused ones are those of compile=False to the bit."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from compiled_twins import F4, assert_alike

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    BCEWithLogits,
    Conv2d,
    DataLoader,
    Dataset,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Trainer,
    accuracy,
    compile_step,
)
from portanet.compiler import CompiledStep
from portanet.losses import CrossEntropy
from portanet.schedules import (
    Chain,
    Constant,
    Cosine,
    Exponential,
    MultiStep,
    OneCycle,
    PerEpoch,
    Plateau,
    Polynomial,
    StepDecay,
    WarmUp,
)


def data(n=50, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, 3))
    return Dataset(X, X[:, 0] > 0)


def trainer(optimizer, compiled, *, shuffle=True, criterion=None, n_out=1):
    portanet.seed(0)
    layers = [Linear(3, 8), BatchNorm1d(8), Dropout(0.3), ReLU(), Linear(8, n_out)]
    model = Sequential(layers, criterion or BCEWithLogits())
    loaders = DataLoader(data(), 16, shuffle=shuffle), DataLoader(data(33, seed=1), 16)
    t = Trainer(model, optimizer(model), *loaders, metric=accuracy, compile=False)
    t.compiled = CompiledStep(model, t.optimizer, fuse=False) if compiled else None
    return t


def both(optimizer=lambda m: Adam(m, lr=0.01), **options):
    return trainer(optimizer, True, **options), trainer(optimizer, False, **options)


def assert_same_run(mine, wanted):
    for row, other in zip(mine.history, wanted.history, strict=True):
        assert row == pytest.approx(other, rel=2**-20)  # readable losses are added up in float64
    assert_alike(mine.model, wanted.model)
    assert mine.compiled.refused is None
    assert any(planned.verified for planned in mine.compiled.plans.values())


def trained(pair, n_epochs=5):
    for t in pair:
        t.train(n_epochs, log_level=0)
    return pair


@pytest.mark.parametrize(
    "options",
    [{}, {"clip_norm": 0.05}, {"clip_value": 0.01}, {"accumulate": 3}, {"accumulate": 5}],
    ids=str,
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_histories_are_the_same(options, shuffle):
    """50 samples in batches of 16 make 4 steps an epoch: 3 and 5 leave gradients over."""
    assert_same_run(*trained(both(lambda m: Adam(m, lr=0.01, **options), shuffle=shuffle), 8))


SCHEDULES = {
    "Chain": lambda: Chain([Constant(0.1), Cosine(0.1, 10)], [7]),
    "Constant": lambda: Constant(0.1),
    "Cosine": lambda: Cosine(0.1, 30),
    "Exponential": lambda: Exponential(0.1, 0.9),
    "MultiStep": lambda: MultiStep(0.1, [5, 11]),
    "OneCycle": lambda: OneCycle(0.1, 40),
    "PerEpoch": lambda: PerEpoch(Exponential(0.1, 0.5), 4),
    "Polynomial": lambda: Polynomial(0.1, 30),
    "StepDecay": lambda: StepDecay(0.1, every=3),
    "WarmUp": lambda: WarmUp(Constant(0.1), 10),
    "a function": lambda: lambda step: 0.1 / (1 + step),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    assert_same_run(*trained(both(lambda m: SGD(m, lr=SCHEDULES[name](), momentum=0.9))))


def test_plateau():
    pair = both(lambda m: SGD(m, lr=Plateau(0.5, factor=0.5, patience=0)))
    for _ in range(6):
        for t in trained(pair, 1):
            t.optimizer.lr.report(t.history[-1]["val_loss"])
    assert_same_run(*pair)
    assert pair[0].optimizer.lr(0) == pair[1].optimizer.lr(0) < 0.5


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_checkpoint_in_the_middle(tmp_path, accumulate):
    """Dropout, statistics and waiting gradients go on where they were, in the run itself, too."""

    def optimizer(model):
        return Adam(model, lr=Cosine(0.05, 40), accumulate=accumulate)

    pair = trained(both(optimizer), 3)
    for t, name in zip(pair, ("mine", "wanted"), strict=True):
        portanet.save(tmp_path / name, t.model, t.optimizer, trainer=t)
    trained(pair, 3)
    resumed = both(optimizer)
    for t, name in zip(resumed, ("wanted", "mine"), strict=True):
        portanet.load(tmp_path / name, t.model, t.optimizer, trainer=t)
    assert_same_run(*trained(resumed, 3))
    assert_same_run(pair[0], resumed[1])
    for t, name in zip(pair, ("wanted", "mine"), strict=True):  # back, into what is running
        portanet.load(tmp_path / name, t.model, t.optimizer, trainer=t)
    assert_same_run(*trained(pair, 3))
    assert_same_run(pair[0], resumed[1])


def test_class_weights():
    pair = both(criterion=CrossEntropy(class_weights=[0.3, 1.7]), n_out=2)
    assert_same_run(*trained(pair))


def test_moving_midway():
    pair = trained(both(), 2)
    for t in pair:
        t.model.to(dtype="float64")
    trained(pair, 2)
    for t in pair:
        t.model.to("strict")
    trained(pair, 1)
    for t in pair:
        t.model.to("numpy", dtype="float32")
    assert_same_run(*trained(pair, 3))


def test_freezing_midway():
    pair = both()
    for change in ("freeze", "unfreeze"):
        for t in pair:
            getattr(t.model.layers[0], change)()
        trained(pair, 3)
    assert_same_run(*pair)


def test_steps_and_epochs_may_take_turns():
    pair = both()
    x = np.random.default_rng(2).standard_normal((16, 3)).astype(F4)
    y = (x[:, :1] > 0).astype(F4)
    for _ in range(3):
        trained(pair, 2)
        for t in pair:
            t.step(x, y)
    assert_same_run(*pair)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_trainer_in_use_is_copied(copied):
    pair = trained(both(), 3)
    apart = copied(pair[0]), copied(pair[1])
    assert apart[0].compiled.model is apart[0].model
    before = [p.value.copy() for p in pair[0].model.parameters()]
    assert_same_run(*trained(apart, 3))
    for p, value in zip(pair[0].model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.value, value)
    assert_same_run(*trained(pair, 3))


def test_fused_runs_are_near():
    """Rounding differs; the means of the losses differ by less than 1e-4 of them in 8 epochs."""
    mine, wanted = both()
    mine.compiled = CompiledStep(mine.model, mine.optimizer)
    trained((mine, wanted), 8)
    assert mine.compiled.refused is None
    for row, other in zip(mine.history, wanted.history, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-4)


def mlp():
    layers = [Linear(784, 256), ReLU(), Linear(256, 128), ReLU(), Linear(128, 10)]
    return Sequential(layers, CrossEntropy()), (128, 784)


def cnn():
    layers = [Conv2d(1, 8, 3), ReLU(), MaxPool2d(2), Flatten(), Linear(8 * 13 * 13, 10)]
    return Sequential(layers, CrossEntropy()), (64, 1, 28, 28)


@pytest.mark.parametrize("make", [mlp, cnn])
def test_the_peak_of_memory_is_at_most_the_readable_steps(make, record_property):
    """Beyond the batch, parameters and slots, which both have: tracemalloc's peak of a step.

    A plan's memory counts in full, whether the step touches it or not. What a convolution on NumPy
    unfolds at a time (1 MiB) comes and goes beside it, where the readable step takes it from what
    it has given back.
    """
    rng, peaks = np.random.default_rng(0), []
    for compiled in (True, False):
        model, shape = make()
        x, y = rng.standard_normal(shape).astype(F4), rng.integers(0, 10, shape[0])
        optimizer = Adam(model, lr=1e-3)
        step = compile_step(model, optimizer)
        readable = Trainer(
            model, optimizer, DataLoader(Dataset(x, y), shape[0]), compile=False
        ).step
        take = step if compiled else readable
        for _ in range(4):
            take(x, y)
        own = sum(plan_bytes(planned.plan) for planned in step.plans.values())
        kept = own if compiled else gradients(model)
        peaks.append(kept + peak_of(take, x, y))
    record_property("figure", f"peak of a step: compiled {peaks[0]:,}, readable {peaks[1]:,} bytes")
    unfolded = 2**20 if make is cnn else 0
    assert peaks[0] <= peaks[1] + unfolded


def plan_bytes(plan):
    """A plan has a place for the batch, which the loader gathers it into."""
    return plan.n_bytes - sum(array.nbytes for array in plan.inputs.values())


def gradients(model):
    """The readable step keeps its gradients until the next has made new ones."""
    return sum(p.grad.nbytes for p in model.parameters())


def peak_of(take, x, y):
    """What a step allocates at most, and frees again, beyond what was there when it began."""
    tracemalloc.start()
    take(x, y)
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    take(x, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - before
