"""Users' layers that say "scale x" in the less usual ways of Python."""

import functools
import operator
from dataclasses import dataclass

import numpy as np

from differential import world
from differential.layers_settings import Inner, Scaled
from portanet import Layer


class ByPrivate(Scaled):
    def __init__(self):
        self._factor = 1.0

    def scale(self):
        return self._factor

    def change(self, value):
        self._factor = value


class ByMangled(Scaled):
    def __init__(self):
        self.__factor = 1.0

    def scale(self):
        return self.__factor

    def change(self, value):
        self.__factor = value


@dataclass(eq=False)
class ByFields(Scaled):
    """A layer that is a dataclass."""

    factor: float = 1.0


class ByInstanceDict(ByPrivate):
    def scale(self):
        return vars(self)["_factor"]


class ByAttributeGetter(Scaled):
    read = operator.attrgetter("config.scale")

    def __init__(self):
        self.config = Inner()

    def scale(self):
        return type(self).read(self)

    def change(self, value):
        self.config.scale = value


class ByNameOnly(Scaled):
    factor = 1.0

    def scale(self):
        return getattr(self, "fac" + "tor")


class ByFallback(Scaled):
    """Attributes that are not found come from a dict."""

    def __init__(self):
        self.extra = {"factor": 1.0}

    def __getattr__(self, name):
        if name == "extra" or name not in self.extra:
            raise AttributeError(name)
        return self.extra[name]

    def change(self, value):
        self.extra["factor"] = value


class Described:
    """A descriptor that keeps the values itself."""

    def __init__(self):
        self.values = {}

    def __get__(self, layer, owner=None):
        return self.values.get(id(layer), 1.0)

    def __set__(self, layer, value):
        self.values[id(layer)] = value


class ByDescriptor(Scaled):
    factor = Described()

    def __init__(self):
        self.factor = 1.0


def times(config):
    """A decorator with a setting."""

    def decorate(method):
        @functools.wraps(method)
        def scaled(self, x, *args, **options):
            return method(self, x, *args, **options) * config["factor"]

        return scaled

    return decorate


SHARED = {"factor": 1.0}


class ByDecorator(Layer):
    def __init__(self):
        SHARED["factor"] = 1.0

    @times(SHARED)
    def forward(self, x, *, training=False):
        return x

    @times(SHARED)
    def backward(self, grad):
        return grad

    def change(self, value):
        SHARED["factor"] = value


class ByPartialMethod(Scaled):
    def scaled(self, of, x, *, training=False):
        return x * of

    forward = functools.partialmethod(scaled, 1.0)
    scale = staticmethod(lambda: 1.0)

    def change(self, value):
        world.patch(type(self), "forward", functools.partialmethod(type(self).scaled, value))


class ByClassHelper(Scaled):
    config = {"factor": 1.0}  # noqa: RUF012 - shared by all instances, as users have it

    @classmethod
    def scale(cls):
        return cls.factor_of(cls.config)

    @staticmethod
    def factor_of(config):
        return config["factor"]

    def __init__(self):
        self.config["factor"] = 1.0

    def change(self, value):
        self.config["factor"] = value


class ByMatch(ByPrivate):
    def scale(self):
        with np.errstate(all="ignore"):
            match [self._factor]:
                case [1.0]:
                    return 1.0
                case [other] if (half := other / 2) > 0:
                    return 2 * half
        return 1.0


class Outer(Scaled):
    """A layer in a private attribute of a layer."""

    def __init__(self):
        self._inner = ByFields()

    def scale(self):
        return self._inner.factor

    def change(self, value):
        self._inner.factor = value


SYNTAX = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Layer) and cls not in (Layer, Scaled)
}
