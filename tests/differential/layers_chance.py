"""Users' layers that draw: y = k x in training, k drawn anew in each step; and masks of noise."""

import random

import numpy as np

from differential import world
from portanet import Layer, Parameter
from portanet.dispatch import from_host
from portanet.random import next_key


class Drawn(Layer):
    """`draw` gives a number in [0, 1)."""

    def forward(self, x, *, training=False):
        self.k = 0.8 + 0.4 * self.draw() if training else 1.0
        return x * self.k

    def backward(self, grad):
        return grad * self.k


class Seldom(Drawn):
    """In most steps nothing happens: a check of one step does not show it."""

    def forward(self, x, *, training=False):
        self.k = 0.5 if training and self.draw() < 0.12 else 1.0
        return x * self.k


class NumpyDraw(Drawn):
    def draw(self):
        return np.random.random()  # noqa: NPY002


class PythonDraw(Drawn):
    def draw(self):
        return random.random()


class ModuleDraw(Drawn):
    def draw(self):
        return world.GENERATOR.random()


class OwnDraw(Drawn):
    def __init__(self):
        self.rng = random.Random(3)

    def draw(self):
        return self.rng.random()


class OwnGeneratorDraw(OwnDraw):
    def __init__(self):
        self.rng = np.random.default_rng(3)


class OwnStateDraw(OwnDraw):
    def __init__(self):
        self.rng = np.random.RandomState(3)

    def draw(self):
        return self.rng.random_sample()


class InListDraw(OwnGeneratorDraw):
    def __init__(self):
        self.streams = [{"rng": np.random.default_rng(3)}]

    def draw(self):
        return self.streams[0]["rng"].random()


class KeyDraw(Drawn):
    """A stream as Dropout has one, but without from_host."""

    def __init__(self):
        self.key, self.step = next_key("differential"), 0

    def draw(self):
        self.step += 1
        return self.key.generator(self.step).random()


class SeldomNumpy(Seldom, NumpyDraw):
    pass


class SeldomPython(Seldom, PythonDraw):
    pass


class SeldomModule(Seldom, ModuleDraw):
    pass


class SeldomOwn(Seldom, OwnDraw):
    pass


class SeldomGenerator(Seldom, OwnGeneratorDraw):
    pass


class Noise(Layer):
    """y = x + 0.1 noise, drawn from NumPy's global stream."""

    def noise(self, x):
        return np.random.standard_normal(x.shape).astype(x.dtype)  # noqa: NPY002

    def forward(self, x, *, training=False):
        return x + 0.1 * self.noise(x) if training else x

    def backward(self, grad):
        return grad


class OwnNoise(Noise):
    def __init__(self):
        self.rng = np.random.default_rng(4)

    def noise(self, x):
        return self.rng.standard_normal(x.shape).astype(x.dtype)


class HostNoise(OwnNoise):
    """As documented: what it draws is an input."""

    def noise(self, x):
        dtype, shape = x.dtype, x.shape
        return from_host(lambda: self.rng.standard_normal(shape).astype(dtype), x)


class HostGlobalNoise(Noise):
    def noise(self, x):
        dtype, shape = x.dtype, x.shape
        return from_host(lambda: np.random.standard_normal(shape).astype(dtype), x)  # noqa: NPY002


class HostPythonNoise(Noise):
    def noise(self, x):
        dtype, shape = x.dtype, x.shape
        return from_host(lambda: np.full(shape, random.random(), dtype), x)


class HostByWeights(Noise):
    """The size of its noise follows its own parameter, which is read as the noise is drawn."""

    def __init__(self):
        self.shift = Parameter(np.full(4, 0.1, np.float32))

    def noise(self, x):
        dtype, shape = x.dtype, x.shape
        return from_host(lambda: np.full(shape, abs(self.shift.value).mean(), dtype), x)

    def forward(self, x, *, training=False):
        return super().forward(x, training=training) + self.shift.value

    def backward(self, grad):
        self.shift.grad = grad.sum(axis=0)
        return grad

    def check_values(self, x):
        self.largest = float(self.shift.value.max())


class HostTwice(OwnNoise):
    """Draws in the forward and in the backward pass, and counts."""

    def __init__(self):
        super().__init__()
        self.n = 0

    def drawn(self, shape, dtype):
        self.n += 1
        return self.rng.standard_normal(shape).astype(dtype)

    def noise(self, x):
        dtype, shape = x.dtype, x.shape
        return from_host(lambda: self.drawn(shape, dtype), x)

    def backward(self, grad):
        return grad + 0.01 * self.noise(grad)


CHANCE = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Drawn | Noise) and cls not in (Drawn, Seldom)
}
