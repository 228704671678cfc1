"""What a compiled step takes for granted, and whether it still is so."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from portanet.checks import dtype_name
from portanet.layer import Buffer, Parameter, Part, Sequential
from portanet.optimizer import Optimizer
from portanet.rule import Rule
from portanet.versioned import Versioned

Attribute = tuple[int, str]  # the id of a part and the name of an attribute

_PLAIN = (int, float, str, bool, type(None))
_MEMORY = {"_saved", "_home"}
# An optimizer's memory, and numbers that it hands over anew in every step.
_OF_EVERY_STEP = {"offset", "lr", "model", "memory", "_groups", "_options"}


class Same:
    """Equal if it is the same object, which this keeps alive; arrays are, with the same numbers."""

    __slots__ = ("it",)
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, it: Any) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same):
            return False
        a, b = self.it, other.it
        if a is b or not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
            return a is b
        return a.dtype == b.dtype and np.array_equal(a, b)


def comparable(value: Any) -> Any:
    """Return a value in a form that is equal if nothing has changed."""
    if isinstance(value, _PLAIN):
        return type(value), value
    if isinstance(value, list | tuple):
        return type(value), [comparable(part) for part in value]
    if isinstance(value, dict):
        return dict, {key: comparable(part) for key, part in value.items()}
    return Same(value)


def attributes(named: dict[str, Part]) -> dict[Attribute, Any]:
    """Return what parts have for attributes, by the part's id and name, in comparable form."""
    return {
        (id(part), key): comparable(value)
        for part in named.values()
        for key, value in vars(part).items()
        if key not in _MEMORY
    }


def plain_attributes(named: dict[str, Part]) -> dict[Attribute, Any]:
    """Return the numbers, words, streams of chance and host arrays of parts, as they are now."""
    found = {}
    for part in named.values():
        for key, value in vars(part).items():
            if isinstance(value, _PLAIN) and key not in _MEMORY:
                found[id(part), key] = value
            elif isinstance(value, np.random.Generator):
                found[id(part), key] = repr(value.bit_generator.state)
            elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
                found[id(part), key] = hash(value.tobytes())
    return found


def changed(before: dict[Attribute, Any], after: dict[Attribute, Any]) -> set[Attribute]:
    """Return which attributes two looks at them differ in."""
    keys = before.keys() | after.keys()
    return {key for key in keys if before.get(key, key) != after.get(key, key)}


class Granted:
    """What the plans of a model have taken for granted; `left_out` differs from step to step.

    `unchanged()` is what every step asks: whether anybody has assigned to an attribute, or
    changed a list of layers, since the last look. `holds()` looks at everything.
    """

    def __init__(self, model: Sequential, optimizer: Optimizer, left_out: set[Attribute]) -> None:
        self.model, self.optimizer, self.left_out = model, optimizer, left_out
        self.signature = self._now()
        self.look()

    def look(self) -> None:
        """Note how things stand."""
        self.seen = Versioned.version
        self.lists = list(containers(self.model))

    def unchanged(self) -> bool:
        """Return whether nothing can have changed since the last look."""
        if self.seen != Versioned.version:
            return False
        for held, copy in self.lists:  # noqa: SIM110 - every step asks, and a loop is fastest
            if held != copy:
                return False
        return True

    def holds(self) -> bool:
        """Return whether all that was taken for granted still is so."""
        return self._now() == self.signature

    def _now(self) -> Any:
        model, optimizer = self.model, self.optimizer
        named, rules = model.named_parts(), optimizer.rules
        parameters, buffers = model.named_parameters(), model.named_buffers()
        now = attributes(named)
        return (
            {name: Same(part) for name, part in named.items()},
            {key: value for key, value in now.items() if key not in self.left_out},
            {n: (Same(p), p.trainable, *_form(p.value)) for n, p in parameters.items()},
            {n: (Same(b), *_form(b.value)) for n, b in buffers.items()},
            model.backend.name, [_options(rule) for rule in rules],
            {n: (id(optimizer.rule_of(n, p)), optimizer.memory.ages.get(n, 0) - optimizer.n_steps)
             for n, p in parameters.items() if p.trainable},
        )  # fmt: skip


def _form(array: Any) -> tuple[Any, ...]:
    return tuple(array.shape), dtype_name(array.dtype), type(array)


def _options(rule: Rule) -> dict[str, Any]:
    """Return a rule's options. Its lists and dicts are its own memory: scalars() reads them."""
    return {
        key: Same(value) if isinstance(value, list | dict) else comparable(value)
        for key, value in vars(rule).items()
        if key not in _OF_EVERY_STEP
    }


def containers(part: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the lists and dicts among a part's attributes, each with a copy to compare it with."""
    if isinstance(part, Part):
        for key, value in vars(part).items():
            if key not in _MEMORY:
                yield from containers(value)
    elif isinstance(part, list | tuple | dict):
        items = list(part.values()) if isinstance(part, dict) else list(part)
        if not isinstance(part, tuple):
            known = all(isinstance(i, (*_PLAIN, Part, Parameter, Buffer)) for i in items)
            yield part, part.copy() if known else _SameItems(items)
        for item in items:
            yield from containers(item)


class _SameItems:
    """Equal to a list or dict that holds the same objects: arrays have no `==` that says so."""

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __eq__(self, other: object) -> bool:
        held = list(other.values()) if isinstance(other, dict) else list(other)  # type: ignore
        return len(held) == len(self.items) and all(map(lambda a, b: a is b, held, self.items))
