"""Two trainings of one network, compiled and as it is written, for the tests of the compiled step."""

import copy
import warnings

import numpy as np

import portanet
from portanet import Layer, Linear, Sequential, Trainer, compile_step
from portanet.compiler import NotCompiledWarning
from portanet.compiler.tracing.tracer import Tracer
from portanet.losses import MSE
from portanet.several import map_parts

F4 = np.float32


def network(*layers, width=4, criterion=None):
    """A network with layers of the width in its middle."""
    portanet.seed(0)
    return Sequential([Linear(5, width), *layers, Linear(width, 3)], criterion or MSE())


def batches(n, size=8, seed=0, classes=False, dtype=F4):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        y = rng.integers(0, 3, size) if classes else rng.standard_normal((size, 3)).astype(dtype)
        yield rng.standard_normal((size, 5)).astype(dtype), y


def copies(*of):
    return [map_parts(np.copy, x) for x in of]


class Twins:
    """A model that is trained by compiled steps, and its copy, trained by Trainer.step.

    `both(f)` does something to both, f(model, optimizer). After each step all bits are compared.
    """

    def __init__(self, model, optimizer, **options):
        self.models = model, copy.deepcopy(model)
        self.optimizers = tuple(map(optimizer, self.models))
        options = {"fuse": False} | options
        self.compiled = compile_step(self.models[0], self.optimizers[0], **options)
        self.warnings = []

    def both(self, f):
        return [f(*pair) for pair in zip(self.models, self.optimizers, strict=True)]

    def step(self, x, y):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", NotCompiledWarning)
            losses = self.compiled(*copies(x, y))
        self.warnings += [str(w.message) for w in caught]
        wanted = readable_step(self.models[1], self.optimizers[1], *copies(x, y))
        np.testing.assert_array_equal(losses, wanted)
        self.compare()

    def train(self, batches):
        for x, y in batches:
            self.step(x, y)
        return self

    def compare(self):
        assert_alike(*self.models)
        mine, wanted = (optimizer.state() for optimizer in self.optimizers)
        assert mine.numbers == wanted.numbers
        assert mine.arrays.keys() == wanted.arrays.keys()
        for name, array in wanted.arrays.items():
            np.testing.assert_array_equal(mine.arrays[name], array, err_msg=name)

    def assert_compiled(self):
        """The last step was a replay, and nobody was warned."""
        assert self.warnings == []
        assert self.compiled.refused is None
        assert any(planned.verified for planned in self.compiled.plans.values())

    def assert_refused(self, why):
        """There was one warning, with this reason."""
        assert len(self.warnings) == 1, self.warnings
        assert why in self.warnings[0], self.warnings
        assert why in self.compiled.refused


def readable_step(model, optimizer, x, y):
    return Trainer.step(Readable(model, optimizer), x, y)


class Own(Layer):
    """A layer of a user's own: forward and backward are functions of the layer and an array."""

    def __init__(self, forward, backward=lambda self, grad: grad, **attributes):
        self._forward, self._backward = forward, backward
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x, *, training=False):
        return self._forward(self, x)

    def backward(self, grad):
        return self._backward(self, grad)


class Readable:
    """What Trainer.step needs."""

    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer


def assert_alike(model, twin):
    """Everything that is kept from step to step is the same, and holds no tracers."""
    for name, p in twin.named_parameters().items():
        mine = model.named_parameters()[name]
        np.testing.assert_array_equal(mine.value, p.value, err_msg=name)
        assert mine.value.dtype == p.value.dtype
        if p.grad is not None:
            np.testing.assert_array_equal(mine.grad, p.grad, err_msg=f"gradient of {name}")
    for name, b in twin.named_buffers().items():
        np.testing.assert_array_equal(model.named_buffers()[name].value, b.value, err_msg=name)
    assert_no_tracers(model)


def assert_no_tracers(model):
    for name, part in model.named_parts().items():
        assert not any(map(_is_tracer, vars(part).values())), name
    for p in (*model.parameters(), *model.named_buffers().values()):
        assert not any(map(_is_tracer, vars(p).values()))


def _is_tracer(item):
    if isinstance(item, list | tuple):
        return any(map(_is_tracer, item))
    if isinstance(item, dict):
        return any(map(_is_tracer, item.values()))
    return isinstance(item, Tracer)
