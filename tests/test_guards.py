"""Guards: what traced code has read is looked at again, by name, wherever it lies."""

import array
import collections
import contextvars
import functools
import itertools
import os
import random
import time
import types
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from compiled_twins import F4, Twins, batches, network

from portanet import SGD, Layer, Linear, NotCompiledWarning, Optimizer, ReLU, compile_step

FACTOR = 1.0
TABLE = {"factor": 1.0}
GROWS = []
VARIABLE = contextvars.ContextVar("VARIABLE", default=1.0)
DRAWS = np.random.default_rng(0)


@dataclass
class Config:
    scale: float = 1.0


class Slotted:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 1.0


class Plain:
    scale = 1.0


class Listed(list):
    def __init__(self):
        self.scale = 1.0


class Text(str):
    def __init__(self):
        self.scale = 1.0


class Scaled(Layer):
    """y = s x, where s is read by a function of this layer."""

    shared = 1.0

    def __init__(self, read, **attributes):
        self.read = read
        for name, value in attributes.items():
            setattr(self, name, value)

    @property
    def twice_shared(self):
        return self.shared * 2

    def forward(self, x, *, training=False):
        return x * F4(self.read(self))

    def backward(self, grad):
        return grad * F4(self.read(self))


def sgd(model):
    return SGD(model, lr=0.05, momentum=0.9)


def in_closure():
    factor = 1.0

    def read(layer):
        return factor

    def change(layer):
        nonlocal factor
        factor = 0.5

    return read, change


def change_global(layer):
    globals()["FACTOR"] = 0.5


def assign(path, value):
    """Return a function that assigns to an attribute of a layer, or of something in it."""
    *to, last = path.split(".")

    def change(layer):
        held = functools.reduce(getattr, to, layer)
        setattr(held, last, value)

    return change


def ones():
    """Return a network that is no part of the model."""
    layer = Linear(1, 1)
    layer.bias.value = np.ones(1, F4)
    return layer


READS = {
    "attribute": (Scaled(lambda s: s.a, a=1.0), assign("a", 0.5), "layers.1.a was 1.0, is 0.5"),
    "number of another type": (Scaled(lambda s: 1.0 if type(s.a) is int else 0.5, a=1), assign("a", 1.0), "layers.1.a was 1, is 1.0"),
    "dict": (Scaled(lambda s: s.d["a"], d={"a": 1.0}), lambda s: s.d.update(a=0.5), "layers.1.d.a was 1.0, is 0.5"),
    "key of a dict": (Scaled(lambda s: 0.5 if "b" in s.d else 1.0, d={}), lambda s: s.d.update(b=1), "layers.1.d was"),
    "list": (Scaled(lambda s: s.l[0], l=[1.0]), lambda s: s.l.__setitem__(0, 0.5), "layers.1.l.0 was 1.0, is 0.5"),
    "set": (Scaled(lambda s: 0.5 if s.off else 1.0, off=set()), lambda s: s.off.add("all"), "layers.1.off was set()"),
    "deque": (Scaled(lambda s: s.q[-1], q=collections.deque([1.0])), lambda s: s.q.append(0.5), "layers.1.q"),
    "dataclass": (Scaled(lambda s: s.c.scale, c=Config()), assign("c.scale", 0.5), "layers.1.c.scale was 1.0, is 0.5"),
    "slots": (Scaled(lambda s: s.c.scale, c=Slotted()), assign("c.scale", 0.5), "layers.1.c.scale was 1.0, is 0.5"),
    "namespace": (Scaled(lambda s: s.c.scale, c=types.SimpleNamespace(scale=1.0)), assign("c.scale", 0.5), "layers.1.c.scale"),
    "object's class": (Scaled(lambda s: s.c.scale, c=Plain()), lambda s: setattr(Plain, "scale", 0.5), "Plain.scale was 1.0, is 0.5"),
    "object in a dict in a list": (Scaled(lambda s: s.l[0]["c"].scale, l=[{"c": Config()}]), lambda s: setattr(s.l[0]["c"], "scale", 0.5), "layers.1.l.0.c.scale"),
    "class attribute": (Scaled(lambda s: s.shared), lambda s: setattr(Scaled, "shared", 0.5), "Scaled.shared was 1.0, is 0.5"),
    "property": (Scaled(lambda s: s.twice_shared / 2), lambda s: setattr(Scaled, "shared", 0.5), "Scaled.shared"),
    "small array in place": (Scaled(lambda s: s.a[0], a=np.ones(3)), lambda s: s.a.__setitem__(0, 0.5), "layers.1.a was [1. 1. 1.], is [0.5"),
    "array of objects": (Scaled(lambda s: s.a[0], a=np.array([1.0, None], object)), lambda s: s.a.__setitem__(0, 0.5), "layers.1.a.0 was 1.0, is 0.5"),
    "typed array": (Scaled(lambda s: s.a[0], a=array.array("d", [1.0])), lambda s: s.a.__setitem__(0, 0.5), "layers.1.a was array('d', [1.0]), is array('d', [0.5])"),
    "bytes": (Scaled(lambda s: s.a[0] / 2, a=bytearray([2])), lambda s: s.a.__setitem__(0, 1), "layers.1.a was bytearray"),
    "counter": (Scaled(lambda s: s.c["half"] / 2, c=collections.Counter(half=2)), lambda s: s.c.subtract(half=1), "layers.1.c.half was 2, is 1"),
    "attribute of a list": (Scaled(lambda s: s.l.scale, l=Listed()), assign("l.scale", 0.5), "layers.1.l.scale was 1.0, is 0.5"),
    "attribute of a text": (Scaled(lambda s: s.t.scale, t=Text()), assign("t.scale", 0.5), "layers.1.t.scale was 1.0, is 0.5"),
    "global": (Scaled(lambda s: FACTOR), change_global, "FACTOR was 1.0, is 0.5"),
    "global dict": (Scaled(lambda s: TABLE["factor"]), lambda s: TABLE.update(factor=0.5), "TABLE.factor was 1.0, is 0.5"),
    "partial": (Scaled(functools.partial(lambda c, s: c.scale, Config())), lambda s: setattr(s.read.args[0], "scale", 0.5), "scale was 1.0, is 0.5"),
    "method": (Scaled(lambda s: s.a, a=1.0), lambda s: setattr(s, "read", lambda s: 0.5), "layers.1.read was"),
    "past __setattr__": (Scaled(lambda s: s.a, a=1.0), lambda s: vars(s).update(a=0.5), "layers.1.a was 1.0, is 0.5"),
    "object.__setattr__": (Scaled(lambda s: s.a, a=1.0), lambda s: object.__setattr__(s, "a", 0.5), "layers.1.a was 1.0, is 0.5"),
    "another network": (Scaled(lambda s: s.held.net.bias.value[0], held=types.SimpleNamespace(net=ones())), lambda s: setattr(s.held.net.bias, "value", np.full(1, 0.5, F4)), "layers.1.held.net.bias.value"),
    "UserDict": (Scaled(lambda s: s.d["a"], d=collections.UserDict(a=1.0)), lambda s: s.d.update(a=0.5), "a was 1.0, is 0.5"),
    "closure": (*(lambda r, c: (Scaled(r), c))(*in_closure()), "factor was 1.0, is 0.5"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _as_before():
    yield
    globals()["FACTOR"], TABLE["factor"], Scaled.shared, Plain.scale = 1.0, 1.0, 1.0, 1.0


@pytest.mark.parametrize("kind", READS)
def test_what_a_layer_reads_is_guarded(kind):
    layer, change, words = READS[kind]
    twins = Twins(network(layer, ReLU()), sgd)
    # the same layer in both: what it reads is changed once, for both
    twins.models[1].layers[1] = twins.models[0].layers[1]
    twins.train(batches(6))
    twins.assert_compiled()
    assert not twins.compiled.retraced
    change(twins.models[0].layers[1])
    twins.train(batches(6, seed=1))
    twins.assert_compiled()
    assert words in twins.compiled.retraced


def test_a_patched_method_of_portanets_own_is_honoured(monkeypatch):
    twins = Twins(network(ReLU()), sgd).train(batches(5))
    monkeypatch.setattr(ReLU, "forward", lambda self, x, *, training=False: x * F4(0.5))
    monkeypatch.setattr(ReLU, "backward", lambda self, grad: grad * F4(0.5))
    twins.train(batches(5))
    twins.assert_compiled()
    assert "ReLU." in twins.compiled.retraced


def test_an_option_of_a_rule_is_guarded():
    twins = Twins(network(ReLU()), sgd).train(batches(5))
    twins.both(lambda _, optimizer: setattr(optimizer, "momentum", 0.5))
    twins.train(batches(5))
    twins.assert_compiled()
    assert "optimizer.momentum was 0.9, is 0.5" in twins.compiled.retraced


def refused(layer, rule=sgd):
    """Return why steps with a layer are refused; they must be the readable ones."""
    twins = Twins(network(layer), rule)
    for x, y in batches(5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotCompiledWarning)
            twins.compiled(x, y)
    return twins.compiled.refused


@pytest.mark.parametrize(
    ("draw", "stream"),
    [
        (lambda s: random.random(), "random"),
        (lambda s: np.random.rand(), "numpy.random"),  # noqa: NPY002
        (lambda s: DRAWS.random(), "test_guards.DRAWS"),
        (lambda s: s.own.random(), "layers.1.own"),
        (lambda s: s.own["rng"].random(), "layers.1.own.rng"),
    ],
    ids=["random", "numpy.random", "global", "attribute", "in a dict"],
)
def test_draws_outside_of_from_host_are_refused(draw, stream):
    own = {"rng": random.Random(0)} if "rng" in stream else np.random.default_rng(0)
    why = refused(Scaled(draw, own=own))
    assert "random numbers are drawn from" in why
    assert stream in why


def test_draws_of_a_refused_step_are_the_readable_ones():
    random.seed(3)
    wanted = random.random()
    random.seed(3)
    seen = []
    layer = Scaled(lambda s: s.see(random.random()), see=lambda v: seen.append(v) or v)
    step = compile_step(model := network(layer), sgd(model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCompiledWarning)
        for x, y in batches(2):
            step(x, y)
    assert seen[0] == wanted
    assert len(seen) == 4  # forward and backward, of two steps


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Scaled(lambda s: 1.0 + 0 * time.time()), "reads time"),
        (Scaled(lambda s: 1.0 + 0 * len(os.environ)), "reads os.environ"),
        (Scaled(lambda s: VARIABLE.get()), "VARIABLE is a ContextVar"),
        (Scaled(lambda s: next(s.ids) * 0 + 1.0, ids=itertools.count()), "is an iterator"),
        (Scaled(lambda s: s.l.append(1) or 1.0, l=[]), "layers.1.l changes"),
        (Scaled(lambda s: GROWS.append(1) or 1.0), "GROWS changes"),
    ],
    ids=[
        "clock",
        "environment",
        "context variable",
        "iterator",
        "list that grows",
        "global that grows",
    ],
)
def test_what_cannot_be_guarded_is_refused(layer, words):
    assert words in refused(layer)


class Waiting(SGD):
    def update(self, value, grad, slots, scalars):
        return (value, slots) if self.n_steps < 4 else super().update(value, grad, slots, scalars)


class OwnRate(Optimizer):
    """Reads the learning rate in update(), and counts there what scalars() has seen."""

    def __init__(self, model, lr):
        self.factor, self.seen = 1.0, []
        super().__init__(model, lr)

    def init(self, value):
        return {}

    def scalars(self, step):
        self.factor = 1.0 / step
        return {}

    def update(self, value, grad, slots, scalars):
        return value - self.lr * self.factor * grad, slots


class ReadsList(OwnRate):
    def scalars(self, step):
        self.seen.append(step)
        return {}

    def update(self, value, grad, slots, scalars):
        return value - 0.1 * len(self.seen) * grad, slots


def test_a_branch_on_a_counter_of_the_optimizer_is_refused():
    assert "n_steps, which changes from step to step" in refused(ReLU(), lambda m: Waiting(m, 0.1))


def test_numbers_that_a_rule_reads_itself_are_read_in_every_step():
    twins = Twins(network(ReLU()), lambda model: OwnRate(model, lr=0.1)).train(batches(8))
    twins.both(lambda _, optimizer: setattr(optimizer, "lr", 0.02))
    twins.train(batches(5)).assert_compiled()


def test_a_list_that_scalars_changes_cannot_be_read_in_update():
    assert "seen" in refused(ReLU(), lambda m: ReadsList(m, 0.1))


class Lookahead(SGD):
    def step(self):
        super().step()


def test_an_overridden_step_is_refused_by_name():
    assert "Lookahead.step is overridden" in refused(ReLU(), lambda m: Lookahead(m, 0.1))


def test_a_layer_that_assigns_to_its_parameter_is_refused():
    class Renormalized(Layer):
        def __init__(self):
            from portanet import Parameter

            self.scale = Parameter(np.ones(4, F4))

        def forward(self, x, *, training=False):
            self.scale.value = self.scale.value * F4(0.5)
            if training:
                self._saved = x
            return x * self.scale.value

        def backward(self, grad):
            self.scale.grad = (grad * self._take_saved()).sum(axis=0)
            return grad * self.scale.value

    assert "assigns to the value of layers.1.scale" in refused(Renormalized())
