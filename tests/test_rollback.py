"""What a rehearsal changes in place is put back, whatever kind of thing it lies in."""

import array
import collections
from types import SimpleNamespace

import numpy as np
import pytest

from portanet import Layer
from portanet.compiler.tracing.rollback import undone


class Listed(list):
    """A list with an attribute, whose own methods do something else."""

    scale = 1.0

    def extend(self, items):
        super().extend([*items, *items])


class Slotted:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 1.0


def change_listed(held):
    held.append(2)
    held.scale = 0.5


# what is made, how it is changed, what it looks like
THINGS = {
    "dict": (lambda: {"a": 1}, lambda h: h.update(a=2, b=3), dict),
    "counter": (lambda: collections.Counter(a=2), lambda h: h.update(a=1, b=1), dict),
    "list": (lambda: [1], lambda h: h.append(2), list),
    "list of a user's class": (lambda: Listed([1]), change_listed, lambda h: ([*h], h.scale)),
    "deque": (lambda: collections.deque([1], 2), lambda h: h.extend([2, 3]), list),
    "set": (lambda: {1}, lambda h: h.add(2), set),
    "array": (lambda: np.ones(2), lambda h: h.fill(2), list),
    "array of objects": (lambda: np.array([1, None], object), lambda h: h.fill("x"), list),
    "typed array": (lambda: array.array("d", [1]), lambda h: h.append(2), list),
    "bytearray": (lambda: bytearray(b"ab"), lambda h: h.extend(b"c"), bytes),
    "memoryview": (lambda: memoryview(bytearray(b"ab")), lambda h: h.__setitem__(0, 0), bytes),
    "namespace": (lambda: SimpleNamespace(a=1), lambda h: vars(h).update(a=2, b=3), vars),
    "slots": (Slotted, lambda h: setattr(h, "scale", 2.0), lambda h: h.scale),
}


@pytest.mark.parametrize("kind", THINGS)
def test_a_change_in_place_is_undone(kind):
    make, change, look = THINGS[kind]
    layer = Layer()
    layer.held = held = make()
    with undone({"layer": layer}):
        change(held)
        layer.held, layer.other = None, 1
        assert look(held) != look(make())
    assert layer.held is held
    assert not hasattr(layer, "other")
    assert look(held) == look(make())


def test_it_is_undone_after_an_error_too():
    layer = Layer()
    layer.held = [1]
    with pytest.raises(ZeroDivisionError), undone({"layer": layer}):
        layer.held.append(1 / 0 if layer.held.append(2) is None else 3)
    assert layer.held == [1]
