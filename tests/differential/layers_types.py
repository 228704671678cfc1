"""Users' layers whose setting lies in an object of some type: one row for each type."""

import array
import collections
import decimal
import enum
import fractions
import types
import weakref
from typing import Any

import numpy as np

from differential.layers_settings import Inner, Scaled


class Switch(enum.Enum):
    FULL = 1.0
    HALF = 0.5


class Flags(enum.IntFlag):
    NONE = 0
    HALF = 1


class Text(str):
    """A string with an attribute."""

    factor = 1.0


class Registry(dict):
    """A dict with attribute access."""

    def __getattr__(self, name):
        if name not in self:
            raise AttributeError(name)
        return self[name]


class Meter:
    """A number that is called for, and set by a method."""

    def __init__(self):
        self._held = 1.0

    def __call__(self):
        return self._held

    def set(self, value):
        self._held = value


class Linked:
    """An object that refers to itself."""

    def __init__(self):
        self.me, self.scale = self, 1.0


def set_first(held, value):
    held[0] = value


def set_named(held, value):
    held["factor"] = value


def set_field(held, value):
    held["factor"][0] = value


# name -> what is made, how it is read, how it is written into
TYPES: dict[str, tuple[Any, Any, Any]] = {
    "Array": (lambda: array.array("d", [1.0]), lambda h: h[0], set_first),
    "Bytes": (lambda: bytearray([2]), lambda h: h[0] / 2, lambda h, v: set_first(h, round(2 * v))),
    "Counter": (
        lambda: collections.Counter(half=2), lambda h: h["half"] / 2,
        lambda h, v: h.update(half=round(2 * v) - h["half"]),
    ),
    "DefaultDict": (
        lambda: collections.defaultdict(lambda: 1.0), lambda h: h.get("factor", 1.0), set_named,
    ),
    "OrderedDict": (lambda: collections.OrderedDict(factor=1.0), lambda h: h["factor"], set_named),
    "Registry": (lambda: Registry(factor=1.0), lambda h: h.factor, set_named),
    "Structured": (
        lambda: np.ones(1, [("factor", float), ("n", int)]), lambda h: float(h["factor"][0]),
        set_field,
    ),
    "Scalar": (lambda: np.ones(()), lambda h: float(h), lambda h, v: h.fill(v)),
    "Masked": (lambda: np.ma.ones(1), lambda h: float(h[0]), set_first),
    "Bools": (lambda: np.ones(1, bool), lambda h: 1.0 if h[0] else 0.5, lambda h, v: h.fill(v > 1)),
    "Objects": (lambda: np.array([1.0, None], object), lambda h: h[0], set_first),
    "Meter": (Meter, lambda h: h(), lambda h, v: h.set(v)),
    "Linked": (Linked, lambda h: h.me.me.scale, lambda h, v: setattr(h, "scale", v)),
    "ListOfLists": (lambda: [[[[1.0]]]], lambda h: h[0][0][0][0], lambda h, v: set_first(h[0][0][0], v)),
    "DictOfObjects": (
        lambda: {("a", 1): Inner()}, lambda h: h["a", 1].scale,
        lambda h, v: setattr(h["a", 1], "scale", v),
    ),
    "Proxied": (
        lambda: Proxied(), lambda h: h.view["factor"], lambda h, v: set_named(h.held, v),
    ),
}  # fmt: skip
# name -> what is made first, and from the value that is assigned in its place
ASSIGNED: dict[str, tuple[Any, Any]] = {
    "Decimal": (decimal.Decimal, float),
    "Fraction": (fractions.Fraction, float),
    "Complex": (complex, lambda h: h.real),
    "Float32": (np.float32, float),
    "Float64": (np.float64, float),
    "Enum": (lambda v: Switch(1.0 if v >= 1 else 0.5), lambda h: h.value),
    "Flags": (lambda v: Flags(v < 1), lambda h: 0.5 if Flags.HALF in h else 1.0),
    "Bytestring": (lambda v: str(v).encode(), float),
    "Range": (lambda v: range(round(2 * v)), lambda h: len(h) / 2),
    "FrozenSet": (lambda v: frozenset([v]), lambda h: max(h)),
    "Slice": (lambda v: slice(v), lambda h: h.stop),
    "Bool": (lambda v: v >= 1, lambda h: 1.0 if h else 0.5),
    "None": (lambda v: None if v >= 1 else v, lambda h: 1.0 if h is None else h),
    "Type": (lambda v: float if v >= 1 else int, lambda h: 1.0 if h is float else 0.5),
    "Dtype": (lambda v: np.dtype("f8" if v >= 1 else "f4"), lambda h: h.itemsize / 8),
}  # fmt: skip


class Proxied:
    """A read-only view of a dict."""

    def __init__(self):
        self.held = {"factor": 1.0}
        self.view = types.MappingProxyType(self.held)

    def __reduce__(self):
        return Proxied, ()


class InType(Scaled):
    kind = "Array"

    def __init__(self):
        self.held = TYPES[self.kind][0]()

    def scale(self):
        return TYPES[self.kind][1](self.held)

    def change(self, value):
        TYPES[self.kind][2](self.held, value)


class AssignedType(Scaled):
    kind = "Decimal"

    def __init__(self):
        self.change(1.0)

    def scale(self):
        return ASSIGNED[self.kind][1](self.held)

    def change(self, value):
        self.held = ASSIGNED[self.kind][0](value)


class InWeakReference(Scaled):
    def __init__(self):
        self._alive = Inner()
        self.reference = weakref.ref(self._alive)

    def scale(self):
        return self.reference().scale

    def change(self, value):
        self._alive.scale = value


def _class(base, kind):
    cls = type(f"{base.__name__}{kind}", (base,), {"kind": kind, "__module__": __name__})
    globals()[cls.__name__] = cls
    return cls


CLASSES = [_class(InType, kind) for kind in TYPES] + [_class(AssignedType, k) for k in ASSIGNED]
IN_TYPES = {cls.__name__: cls for cls in [*CLASSES, InWeakReference]}
