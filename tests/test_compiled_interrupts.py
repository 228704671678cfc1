"""Interrupts and threads in compiled steps: whole steps, never wrong numbers."""

import threading
import warnings
from functools import partial

import numpy as np
import pytest
from compiled_twins import batches, network, readable_step
from interrupting import comes_to

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    DataLoader,
    Dataset,
    Dropout,
    Layer,
    ReLU,
    Tanh,
    Trainer,
    compile_step,
)
from portanet.errors import OrderError

RULES = {
    "SGD": lambda model: SGD(model, lr=0.05, momentum=0.9),
    "Adam": lambda model: Adam(model, lr=0.01, clip_norm=1.0),
    "accumulated": lambda model: SGD(model, lr=0.05, momentum=0.9, accumulate=3),
}


def place(optimizer):
    return optimizer.n_steps, optimizer.n_accumulated


def assert_states_agree(model, optimizer, other, twin):
    """All that training changes is the same, bit for bit."""
    for name, p in twin_parameters(other).items():
        np.testing.assert_array_equal(twin_parameters(model)[name], p, err_msg=name)
    mine, wanted = optimizer.state(), twin.state()
    assert mine.numbers == wanted.numbers
    for name, array in wanted.arrays.items():
        np.testing.assert_array_equal(mine.arrays[name], array, err_msg=name)


def twin_parameters(model):
    holders = {**model.named_parameters(), **model.named_buffers()}
    return {name: holder.value for name, holder in holders.items()}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n_before", [1, 2, 3], ids=["traced", "verified", "replayed"])
def test_an_interrupt_leaves_whole_steps(rule, n_before):
    """At many places of a step that is traced, verified or replayed; then training goes on."""
    make = lambda: network(BatchNorm1d(4), Dropout(0.2), ReLU())  # noqa: E731
    every = {1: 6007, 2: 4001, 3: 467}[n_before]
    for at in range(1, 100_000, every):
        model, other = make(), make()
        optimizer, twin = RULES[rule](model), RULES[rule](other)
        step = compile_step(model, optimizer, fuse=False, fast=False)
        x, y = next(batches(1))
        for _ in range(n_before):
            step(x, y)
            readable_step(other, twin, x, y)
        before = place(optimizer)
        came = comes_to(at, partial(step, x, y))
        if place(optimizer) != before:
            readable_step(other, twin, x, y)
        assert_states_agree(model, optimizer, other, twin)
        if not came:
            break
    assert at > every, "nothing was interrupted"


def test_training_goes_on_after_an_interrupt():
    x = np.random.default_rng(0).standard_normal((64, 5)).astype(np.float32)
    for at in (50, 500, 1500, 5000, 20_000, 60_000):
        portanet.seed(0)
        model = network(Tanh())
        loader = DataLoader(Dataset(x, x[:, :3].copy()), 16, shuffle=True)
        trainer = Trainer(model, SGD(model, lr=0.05), loader)
        trainer.train(2, log_level=0)
        comes_to(at, lambda trainer=trainer: trainer.train(1, log_level=0))
        n_rows = len(trainer.history)
        trainer.train(3, log_level=0)
        assert len(trainer.history) == n_rows + 3
        assert trainer.history[-1]["loss"] < trainer.history[0]["loss"]
        assert trainer.compiled.refused is None


def test_a_second_thread_gets_an_error_and_no_numbers():
    model = network(Tanh(), width=64)
    step = compile_step(model, SGD(model, lr=1e-9))
    x, y = next(batches(1, size=512))
    other = (x + 1).astype(np.float32), y
    for _ in range(4):
        step(x, y)
    wanted = [float(model.criterion.forward(model.forward(b[0]), b[1])[0]) for b in ((x, y), other)]
    wrong, errors = [], []

    def go(k):
        for _ in range(200):
            try:
                losses = step(*((x, y), other)[k])
            except OrderError as error:
                errors.append(str(error))
            else:
                wrong.extend([k] * (abs(float(losses[0]) - wanted[k]) > 1e-3 * wanted[k]))

    threads = [threading.Thread(target=go, args=(k,)) for k in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert all("another thread is in this step" in error for error in errors)


def test_a_thread_that_comes_during_a_step_is_refused():
    model, seen = network(Dropout(0.5)), []
    step = compile_step(model, SGD(model, lr=0.1), fast=False)
    x, y = next(batches(1))
    for _ in range(5):
        step(x, y)

    def second():
        with pytest.raises(OrderError, match="another thread is in this step; take steps in turn"):
            step(x, y)
        seen.append(1)

    layer, key = model.layers[1], model.layers[1].key

    class SlowKey:
        def position(self, step):
            if not seen:
                thread = threading.Thread(target=second)
                thread.start()
                thread.join()
            return key.position(step)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vars(layer)["key"] = SlowKey()  # past the version number: the plan goes on
        step(x, y)
    assert seen == [1]


class Scaled(Layer):
    """y = factor x, with a factor that its user changes."""

    def __init__(self):
        self.factor = 1.0

    def forward(self, x, *, training=False):
        return self.factor * x

    def backward(self, grad):
        return self.factor * grad


def changed_and_interrupted(at):
    """Change what plans have read; interrupt the look at it. Return whether that was in time."""
    model, other = network(Scaled()), network(Scaled())
    optimizer, twin = RULES["SGD"](model), RULES["SGD"](other)
    step = compile_step(model, optimizer, fuse=False)
    for x, y in (*batches(3), *batches(3, size=5)):  # a plan for each size
        step(x, y)
        readable_step(other, twin, x, y)
    for part in (model.layers[1], other.layers[1]):
        part.factor = 3.0
    came = comes_to(at, step.settle)
    for x, y in (*batches(3, seed=1), *batches(2, size=5, seed=1)):
        np.testing.assert_array_equal(step(x, y), readable_step(other, twin, x, y))
    assert_states_agree(model, optimizer, other, twin)
    return came


def test_an_interrupt_leaves_no_plan_that_is_out_of_date():
    """Also at every instruction with which plans are dropped, the last ones of the look."""
    total = next(at for at in range(400, 100_000, 400) if not changed_and_interrupted(at))
    for at in range(total - 600, total, 3):
        changed_and_interrupted(at)
