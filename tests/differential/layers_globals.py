"""Users' layers that reach for a global in the less usual ways of Python."""

import importlib
import sys

from differential import world
from differential.layers_settings import Scaled

OWN_FACTOR = 1.0
HERE = sys.modules[__name__]


class ByOwnGlobal(Scaled):
    """A global of the module that the layer stands in."""

    def scale(self):
        return OWN_FACTOR

    def change(self, value):
        world.patch(HERE, "OWN_FACTOR", value)


class ByGlobalsDict(ByOwnGlobal):
    def scale(self):
        return globals()["OWN_FACTOR"]


class ByModuleLookup(ByOwnGlobal):
    def scale(self):
        return sys.modules[__name__].OWN_FACTOR


class ByLateImport(ByOwnGlobal):
    def scale(self):
        return importlib.import_module(__name__).OWN_FACTOR


class ByEval(ByOwnGlobal):
    def scale(self):
        return eval("OWN_FACTOR")


def helper():
    return deeper()


def deeper():
    return sum([OWN_FACTOR for _ in range(1)])


class ByHelper(ByOwnGlobal):
    def scale(self):
        return helper()


class ByOtherModule(ByOwnGlobal):
    """A function of another module reads a global of that module."""

    def scale(self):
        return world.current()

    def change(self, value):
        world.patch(world, "FACTOR", value)


GLOBALS = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Scaled) and cls is not Scaled
}
