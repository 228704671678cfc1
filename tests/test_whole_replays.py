"""A replay that is interrupted leaves the states before the step, or those after it, never others."""

from dataclasses import replace
from functools import partial
from threading import Thread

import numpy as np
import pytest
from interrupting import comes_to
from plans import homes_of

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Muon,
    ReLU,
    Sequential,
)
from portanet.backends._whole import call_all
from portanet.compiler.engines.registry import engine_for
from portanet.compiler.tracing.trace import trace_step
from portanet.layer import Buffer
from portanet.losses import MSE

F4 = np.float32


def pytest_generate_tests(metafunc):
    """On what has an engine of its own; the ledger counts these tests there."""
    if "backend" in metafunc.fixturenames:
        captured = "captured" in metafunc.function.__name__
        only = ["cupy"] if captured else ["numpy", "cupy", "jax"]
        metafunc.parametrize("backend", only, indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


class Swapped(Layer):
    """y = x; its two buffers change places in every step, and the first takes in a mean."""

    def __init__(self):
        self.a, self.b = Buffer(np.zeros(4, F4)), Buffer(np.ones(4, F4))

    def forward(self, x, *, training=False):
        self.a.value, self.b.value = self.b.value, self.a.value
        self.a.value = self.a.value + x.mean(axis=0)
        return x

    def backward(self, grad):
        return grad


class Exchanged(Swapped):
    """y = x; its two buffers change places."""

    def forward(self, x, *, training=False):
        self.a.value, self.b.value = self.b.value, self.a.value
        return x


def images():
    layers = [Conv2d(1, 4, 3), BatchNorm2d(4), ReLU(), MaxPool2d(2), Flatten(), Linear(36, 3)]
    return Sequential(layers, MSE())


def dense(*layers):
    return Sequential([Linear(5, 4), *layers, Linear(4, 3)], MSE())


NETWORKS = {
    "SGD with momentum": (lambda: dense(ReLU()), partial(SGD, lr=0.1, momentum=0.9)),
    "Adam": (lambda: dense(LeakyReLU()), partial(Adam, lr=0.1)),
    "batch normalization": (lambda: dense(BatchNorm1d(4), ReLU()), partial(SGD, lr=0.1)),
    "Muon": (lambda: dense(ReLU()), partial(Muon, lr=0.1)),
    "accumulated": (lambda: dense(ReLU()), partial(Adam, lr=0.1, accumulate=2)),
    "dropout": (lambda: dense(Dropout(0.5)), partial(SGD, lr=0.1, clip_norm=1.0)),
    "convolution": (images, partial(Adam, lr=0.1)),
    "buffers that follow one another": (lambda: dense(Swapped()), partial(SGD, lr=0.1)),
    "buffers that change places": (lambda: dense(Exchanged()), partial(SGD, lr=0.1)),
}


def batch(model, backend):
    rng = np.random.default_rng(0)
    shape = (8, 1, 8, 8) if isinstance(model.layers[0], Conv2d) else (8, 5)
    x, y = rng.standard_normal(shape), rng.standard_normal((8, 3))
    return backend.asarray(x.astype(F4)), backend.asarray(y.astype(F4))


class Replayed:
    """A plan of a network's step, whose states can be put back and looked at."""

    def __init__(self, name, backend=None, **options):
        portanet.seed(0)
        network, optimizer = NETWORKS[name]
        self.backend = backend or portanet.backends.get("numpy")
        self.model = network().to(self.backend.name)
        self.engine = engine_for(self.backend, **options)
        rule, (x, y) = optimizer(self.model), batch(self.model, self.backend)
        trace = trace_step(self.model, rule, x, y, self.engine.same_memory)
        self.start = homes_of(trace.tape.graph, self.backend)
        self.homes = {name: self.engine.new(state) for name, state in self.start.items()}
        self.plan = self.engine.plan(trace.tape.graph, self.homes)
        self.counted = []
        self.plan.finally_call([partial(self.counted.append, 1)])
        self.draws = [how.sent(how.draw()) for _, how in trace.tape.graph.hosts]
        self.numbers = [group.scalars for group in trace.groups]
        self.plan.load(x, y)
        self.plan.set_numbers(self.numbers, self.draws)

    def reset(self):
        for name, state in self.start.items():
            if self.engine.replaces:
                self.homes[name] = state
            else:
                self.engine.copy(self.homes[name], state)
        self.counted.clear()

    def states(self):
        return {name: np.array(self.backend.to_numpy(home)) for name, home in self.homes.items()}


def same(a, b):
    return all(np.array_equal(a[name], b[name], equal_nan=True) for name in b)


def assert_whole(replayed, step=1):
    """Interrupt a replay at its bytecodes, one after the other."""
    before = replayed.states()
    replayed.plan.replay()
    after = replayed.states()
    assert not same(before, after)
    k, seen = 1, set()
    while True:
        replayed.reset()
        assert same(replayed.states(), before)
        came = comes_to(k, replayed.plan.replay)
        states = replayed.states()
        whole = same(states, after)
        assert whole or same(states, before), f"torn at bytecode {k}"
        assert replayed.counted == [1] * whole
        seen.add(whole)
        if not came:
            break
        k += step
    assert seen == {False, True}


STEPS = {"numpy": 1, "cupy": 9, "jax": 9}  # which bytecodes: the others take long to come to


@pytest.mark.parametrize("name", NETWORKS)
def test_replays_are_whole(name, backend):
    replayed = Replayed(name, backend, fast=False)
    replayed.plan.replay()  # compiles
    replayed.reset()
    assert_whole(replayed, STEPS[backend.name] + 6 * (name == "convolution"))


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("name", ["Adam", "batch normalization"])
def test_replays_that_are_not_captured_are_whole(name, fuse, backend):
    replayed = Replayed(name, backend, fuse=fuse)
    replayed.plan.replay()
    replayed.plan._loaded.refused = "for this test"
    replayed.reset()
    assert_whole(replayed, 9)
    assert not replayed.plan._loaded.captured


@pytest.mark.parametrize("name", NETWORKS)
def test_replays_by_llvm_are_whole(name):
    pytest.importorskip("llvmlite", reason="compiled by LLVM (extra `fast`)")
    assert_whole(Replayed(name, fast=True), 7 if name == "convolution" else 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_replays_with_helpers_are_whole_and_blas_has_its_threads_again(name, monkeypatch):
    """Also those after an interrupt, and those of other threads: nobody waits for ever."""
    pytest.importorskip("llvmlite", reason="compiled by LLVM (extra `fast`)")
    from portanet.backends._numpy import blas
    from portanet.backends._numpy.threads import blas_alone

    monkeypatch.setattr("portanet.compiler.engines.llvm.kernels._A_CHUNK", 1)
    numbers = [3]
    fake = replace(blas.numpy_blas(), threads=lambda: numbers[-1], set_threads=numbers.append)
    monkeypatch.setattr("portanet.backends._numpy.threads.numpy_blas", lambda: fake)
    replayed, found = Replayed(name, fast=True), []
    assert replayed.plan.shares
    reset = replayed.reset

    def and_look():
        reset()
        assert numbers[-1] == 3
        other = Thread(target=lambda: found.append(blas_alone(lambda n: n, wait=True)))
        other.start()
        other.join(10)
        assert found.pop() == 3

    replayed.reset = and_look
    assert_whole(replayed, 7 if name == "convolution" else 3)
    assert numbers[-1] == 3


def test_buffers_that_follow_one_another_take_over_what_was():
    replayed = Replayed("buffers that follow one another", fast=False)
    before = replayed.states()
    replayed.plan.replay()
    after = replayed.states()
    np.testing.assert_array_equal(after["layers.1.b"], before["layers.1.a"])
    assert not np.array_equal(after["layers.1.a"], before["layers.1.b"])
    replayed = Replayed("buffers that change places", fast=False)
    before = replayed.states()
    replayed.plan.replay()
    np.testing.assert_array_equal(replayed.states()["layers.1.a"], before["layers.1.b"])
    np.testing.assert_array_equal(replayed.states()["layers.1.b"], before["layers.1.a"])


@pytest.mark.parametrize("n_errors", [1, 3])
def test_a_call_that_raises_does_not_keep_the_others_from_being_made(n_errors):
    """As NumPy does where a warning is an error: the result is there when it raises."""
    done, calls = [], []
    for i in range(5):
        calls.append(partial(done.append, i))
        if i < n_errors:
            calls.append(partial(int, "none"))
    with pytest.raises(ValueError, match="invalid literal"):
        call_all(iter(calls))
    assert done == [0, 1, 2, 3, 4]


def test_a_step_whose_update_overflows_is_whole_when_warnings_are_errors():
    replayed = Replayed("SGD with momentum", fast=False)
    replayed.homes["flat:0/velocity"].fill(3e38)  # times a learning rate of 3
    replayed.plan.set_numbers([dict.fromkeys(n, 3.0) for n in replayed.numbers], replayed.draws)
    replayed.start = replayed.states()
    with np.errstate(all="ignore"):
        replayed.plan.replay()
    wanted = replayed.states()
    replayed.reset()
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow"):
        replayed.plan.replay()
    assert replayed.counted == [1]
    assert same(replayed.states(), wanted)
