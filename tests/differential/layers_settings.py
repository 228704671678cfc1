"""Users' layers with a setting that lies in the layer: y = scale x."""

import collections
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from portanet import Buffer, Layer


class Scaled(Layer):
    """`change` sets the scale, as a user would between two steps."""

    def scale(self):
        return self.factor

    def change(self, value):
        self.factor = value

    def forward(self, x, *, training=False):
        return x * self.scale()

    def backward(self, grad):
        return grad * self.scale()


class ByAttribute(Scaled):
    factor = 1.0  # of the class until an instance has its own


class ByProperty(Scaled):
    def __init__(self):
        self.parts = [0.5, 0.5]

    @property
    def factor(self):
        return sum(self.parts)

    def change(self, value):
        self.parts[0] = value - 0.5


@dataclass
class Inner:
    scale: float = 1.0


@dataclass
class Config:
    inner: Inner = field(default_factory=Inner)


class ByDataclass(Scaled):
    def __init__(self):
        self.config = Inner()

    def scale(self):
        return self.config.scale

    def change(self, value):
        self.config.scale = value


class ByNested(Scaled):
    def __init__(self):
        self.config = SimpleNamespace(parts=[Config()])

    def scale(self):
        return self.config.parts[0].inner.scale

    def change(self, value):
        self.config.parts[0].inner.scale = value


class Slotted:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 1.0


class BySlots(ByDataclass):
    def __init__(self):
        self.config = Slotted()


class ByDict(Scaled):
    def __init__(self):
        self.config = {"deep": {"scale": 1.0}}

    def scale(self):
        return self.config["deep"]["scale"]

    def change(self, value):
        self.config["deep"]["scale"] = value


class ByUserDict(ByDict):
    def __init__(self):
        self.config = collections.UserDict(deep=collections.ChainMap({"scale": 1.0}))


class BySet(Scaled):
    def __init__(self):
        self.off = set()

    def scale(self):
        return 0.5 if "half" in self.off else 1.0

    def change(self, value):
        self.off.symmetric_difference_update({"half"})


class ByDeque(Scaled):
    def __init__(self):
        self.recent = collections.deque([1.0], maxlen=2)

    def scale(self):
        return self.recent[-1]

    def change(self, value):
        self.recent.append(value)


class Setting(NamedTuple):
    scale: float = 1.0
    name: str = "plain"


class ByTuple(ByDataclass):
    def __init__(self):
        self.config = Setting()

    def change(self, value):
        self.config = self.config._replace(scale=value)


class ByArray(Scaled):
    """A small array, written in place."""

    def __init__(self):
        self.factor = np.ones(1)

    def scale(self):
        return float(self.factor[0])

    def change(self, value):
        self.factor[0] = value


class ByArrayOperand(ByArray):
    def forward(self, x, *, training=False):
        return x * self.factor.astype(x.dtype)

    def backward(self, grad):
        return grad * self.factor.astype(grad.dtype)


class ByText(Scaled):
    mode = "1.0"

    def scale(self):
        return float(self.mode)

    def change(self, value):
        self.mode = str(value)


class ByBuffer(Scaled):
    def __init__(self):
        self.factor = Buffer(np.ones(1, np.float32))

    def scale(self):
        return self.factor.value

    def change(self, value):
        self.factor.value = self.factor.value * value


IN_THE_LAYER = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Scaled) and cls is not Scaled
}
