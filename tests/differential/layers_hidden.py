"""Users' layers whose setting changes past the usual doors: no attribute of a layer is assigned."""

import contextvars
import functools
import threading
from types import SimpleNamespace

import numpy as np

from differential import world
from differential.layers_settings import Scaled
from portanet import Linear, Parameter


class ByVars(Scaled):
    """Written into the instance's dict."""

    factor = 1.0

    def change(self, value):
        vars(self)["factor"] = value


class ByObjectSetattr(Scaled):
    factor = 1.0

    def change(self, value):
        object.__setattr__(self, "factor", value)


class ByDelete(Scaled):
    """An attribute is taken away, and the class's shows."""

    factor = 0.5

    def __init__(self):
        self.factor = 1.0

    def change(self, value):
        vars(self).pop("factor", None)


class HalfScaled(Scaled):
    factor = 0.5


class ByClassSwap(Scaled):
    factor = 1.0

    def change(self, value):
        self.__class__ = HalfScaled


def read_factor(default=1.0, *, kept={"factor": 1.0}):  # noqa: B006 - users write this
    return default * kept["factor"] * read_factor.factor


read_factor.factor = 1.0


class ByFunctionAttribute(Scaled):
    def scale(self):
        return read_factor()

    def change(self, value):
        world.patch(read_factor, "factor", value)


class ByDefault(ByFunctionAttribute):
    def change(self, value):
        world.patch(read_factor, "__defaults__", (value,))


class ByMutableDefault(ByFunctionAttribute):
    def change(self, value):
        world.patch(read_factor, "__kwdefaults__", {"kept": {"factor": value}})


VARIABLE = contextvars.ContextVar("factor", default=1.0)
LOCAL = threading.local()


class ByContextVariable(Scaled):
    def __init__(self):
        VARIABLE.set(1.0)

    def scale(self):
        return VARIABLE.get()

    def change(self, value):
        VARIABLE.set(value)


class ByThreadLocal(Scaled):
    def __init__(self):
        LOCAL.factor = 1.0

    def scale(self):
        return LOCAL.factor

    def change(self, value):
        LOCAL.factor = value


class ByCachedProperty(Scaled):
    def __init__(self):
        self.start = 1.0

    @functools.cached_property
    def factor(self):
        return self.start

    def change(self, value):
        self.start = value
        vars(self).pop("factor", None)


class OnParameter(Scaled):
    """An attribute that a user has put on a Parameter."""

    def __init__(self):
        self.shift = Parameter(np.zeros(4, np.float32))
        self.shift.factor = 1.0  # pyright: ignore[reportAttributeAccessIssue]

    def scale(self):
        return self.shift.factor  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, x, *, training=False):
        return x * self.scale() + self.shift.value

    def backward(self, grad):
        self.shift.grad = grad.sum(axis=0)
        return grad * self.scale()

    def change(self, value):
        self.shift.factor = value  # pyright: ignore[reportAttributeAccessIssue]


class ByTeacher(Scaled):
    """y = x + 0.1 teacher(x): a network that is not trained, out of the walk's sight."""

    def __init__(self):
        self.held = SimpleNamespace(teacher=Linear(4, 4))

    def forward(self, x, *, training=False):
        teacher = self.held.teacher
        if teacher.weights.value.dtype != x.dtype:
            teacher.to(dtype=str(x.dtype))
        return x + 0.1 * teacher.forward(x)

    def backward(self, grad):
        return grad + 0.1 * grad @ self.held.teacher.weights.value.T

    def change(self, value):
        weights = self.held.teacher.weights
        weights.value = weights.value * value


class ByTeacherInPlace(ByTeacher):
    def change(self, value):
        self.held.teacher.weights.value[...] = value


class ByFrozenArray(Scaled):
    """A constant array in a tuple, replaced with the tuple."""

    def __init__(self):
        self.held = (np.ones(1),)

    def scale(self):
        return self.held[0][0]

    def change(self, value):
        self.held = (np.full(1, value),)


HIDDEN = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Scaled) and cls not in (Scaled, HalfScaled)
}
