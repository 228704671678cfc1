"""Versioned: every assignment to a model, an optimizer or one of their classes is noticed."""

from abc import ABC, abstractmethod
from collections.abc import Sized
from typing import Protocol

import pytest

from portanet import SGD, Layer, Linear, ReLU
from portanet.layer import Parameter
from portanet.versioned import Versioned, advance_version


class Scaled(Layer):
    factor = 1.0

    def forward(self, x, *, training=False):
        return self.factor * x


def assign(target, name, value):
    return lambda: setattr(target, name, value)


LAYER, OPTIMIZER = Scaled(), SGD(Linear(1, 1), lr=0.1)
LAYER.old = Scaled.old = 1
CHANGES = {
    "an attribute": assign(LAYER, "factor", 2.0),
    "an attribute that goes": lambda: delattr(LAYER, "old"),
    "a class attribute": assign(Scaled, "factor", 0.5),
    "a class attribute that goes": lambda: delattr(Scaled, "old"),
    "a method": assign(ReLU, "forward", ReLU.forward),
    "an attribute of the class of all layers": assign(Layer, "takes", Layer.takes),
    "an option": assign(OPTIMIZER, "lr", 0.2),
    "an optimizer's class": assign(SGD, "update", SGD.update),
    "a call": advance_version,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_advances_the_version(name):
    before = Versioned.version
    CHANGES[name]()
    assert Versioned.version > before


def test_an_interrupted_assignment_advances_the_version():
    class Interrupted(Layer):
        @property
        def value(self):
            return 1

        @value.setter
        def value(self, new):
            raise KeyboardInterrupt

    layer, before = Interrupted(), Versioned.version
    with pytest.raises(KeyboardInterrupt):
        layer.value = 2
    assert Versioned.version > before


def test_what_is_read_leaves_the_version():
    before = Versioned.version
    LAYER.forward(1.0)
    isinstance(LAYER, Layer)
    assert Versioned.version == before


def test_a_layer_may_have_a_version_of_its_own():
    class Numbered(Layer):
        version = 3

    layer, before = Numbered(), Versioned.version
    assert (layer.version, Numbered.version) == (3, 3)
    layer.version = Numbered.version = 4
    assert (layer.version, Numbered.version) == (4, 4)
    assert Versioned.version > before


class Named(Protocol):
    def name(self) -> str: ...


@pytest.mark.parametrize("other", [ABC, Sized, Named])
def test_a_layer_may_also_derive_from_an_abstract_class_or_a_protocol(other):
    class Mixed(Layer, other):
        @abstractmethod
        def size(self): ...

    class Whole(Mixed):
        def __init__(self):
            self.weights = Parameter(None)

        def size(self):
            return 1

        def __len__(self):
            return 1

    with pytest.raises(TypeError, match="abstract"):
        Mixed()
    layer = Whole()
    assert isinstance(layer, Layer)
    assert isinstance(layer, Mixed)
    assert not isinstance(1.0, Mixed)
    assert list(layer.named_parameters()) == ["weights"]
