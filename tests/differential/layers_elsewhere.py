"""Users' layers with a setting that lies elsewhere: in a class, a global, a closure, a method."""

import functools
import sys
from types import MethodType

from differential import world
from differential.layers_settings import IN_THE_LAYER, ByDataclass, Scaled


class ByClass(Scaled):
    factor = 1.0

    def change(self, value):
        world.patch(type(self), "factor", value)


class ByBaseClass(ByClass):
    def change(self, value):
        world.patch(ByClass, "factor", value)


class ByGlobal(Scaled):
    def scale(self):
        return world.FACTOR

    def change(self, value):
        sys.modules[world.__name__].FACTOR = value


class ByGlobalDict(Scaled):
    def scale(self):
        return world.TABLE["factor"]

    def change(self, value):
        world.TABLE["factor"] = value


class ByGlobalFunction(Scaled):
    def scale(self):
        return world.factor()

    def change(self, value):
        world.patch(world, "factor", functools.partial(float, value))


class Cell:
    """A function and its closure, which copy.deepcopy would share: a copy gets its own."""

    def __init__(self, value=1.0):
        def read():
            return value

        def write(new):
            nonlocal value
            value = new

        self.read, self.write = read, write

    def __reduce__(self):
        return Cell, (self.read(),)


class ByClosure(Scaled):
    def __init__(self):
        self.cell = Cell()

    def scale(self):
        return self.cell.read()

    def change(self, value):
        self.cell.write(value)


class ByMethod(Scaled):
    """A layer that was handed a method of another object."""

    def __init__(self):
        self.read = ByDataclass().scale

    def scale(self):
        return self.read()

    def change(self, value):
        self.read.__self__.config.scale = value


class ByPartial(Scaled):
    def __init__(self):
        self.read = functools.partial(max, 1.0, 0.0)

    def scale(self):
        return self.read()

    def change(self, value):
        self.read = functools.partial(min, value, 2.0)


def halved_forward(layer, x, *, training=False):
    return x * 0.5


class ByInstanceMethod(Scaled):
    """Its forward is replaced on the instance; backward stays, on both sides alike."""

    factor = 1.0

    def change(self, value):
        self.forward = MethodType(halved_forward, self)


class ByClassMethod(Scaled):
    factor = 1.0

    def change(self, value):
        world.patch(type(self), "forward", halved_forward)


class Proxy:
    def __init__(self):
        self.held = {"scale": 1.0}

    def __getattr__(self, name):
        if name == "held" or name not in vars(self).get("held", {}):
            raise AttributeError(name)
        return self.held[name]


class ByGetattr(ByDataclass):
    def __init__(self):
        self.config = Proxy()

    def change(self, value):
        self.config.held["scale"] = value


ELSEWHERE = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Scaled) and cls is not Scaled
}
SETTINGS = IN_THE_LAYER | ELSEWHERE
