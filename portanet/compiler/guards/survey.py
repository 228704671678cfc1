"""Survey: a walk over everything that a traced step may have read, each thing a named fact.

It enters layers, rules, their lists, dicts, sets, slots, dataclasses and plain objects, the classes
of users' own, and of the functions in those the globals and closure cells that their code reads.
"""

from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from random import Random
from threading import local
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from portanet.compiler.errors import TraceError
from portanet.compiler.guards import code, facts
from portanet.compiler.guards.array_survey import BUFFERS, ArraySurvey
from portanet.compiler.guards.attributes import attributes_of, slots_of
from portanet.compiler.guards.code_survey import CodeSurvey
from portanet.compiler.guards.facts import Fact
from portanet.compiler.guards.quick import QuickChecks
from portanet.parameter import Holder
from portanet.versioned import Versioned

Attribute = tuple[int, str]  # the id of an object and the name of an attribute

_MOST = 50_000  # facts: more would take longer to look at than a step
_STREAMS = (np.random.Generator, np.random.RandomState, Random)
# What a forward pass leaves for its backward pass, and memory that the compiler itself looks after.
_MEMORY = {"_saved", "_home", "_made_with", "memory", "model", "_known", "predictor"}
_WRAPPERS = (staticmethod, classmethod)


class Survey(CodeSurvey, ArraySurvey):
    """Facts by name, such as "layers.0.config.scale".

    `ignored` names attributes that differ from step to step. `attributes` says by a fact's name
    whose attribute it is, `held` what that holds, and `dicts` its owner's dict by id. `checks`
    collects what must be looked at in every step, since no version number shows it; `streams` are
    the random streams found.
    """

    def __init__(self, ignored: set[Attribute] | None = None, largest: float = facts.WHOLE_ARRAY):
        self.ignored, self.largest = ignored or set(), largest
        self.own: set[int] = set()  # ids of the model's parameters and buffers
        self.facts: dict[str, Fact] = {}
        self.streams: dict[str, Any] = {}
        self.attributes: dict[str, Attribute] = {}
        self.held: dict[Attribute, Any] = {}
        self.dicts: dict[int, dict[str, Any]] = {}
        self.checks = QuickChecks()
        self.mutable: list[Any] = []  # what was entered, and can be changed in place
        self._seen: dict[int, Any] = {}
        self._ways: dict[int, Callable[[Any, str], None]] = {}  # by the ids of types

    def look(self, thing: Any, name: str) -> None:
        """Note a thing, and what lies in it."""
        if len(self.facts) > _MOST:
            raise TraceError(f"{name} holds more than {_MOST} things that a step may read")
        known, self._seen[id(thing)] = id(thing) in self._seen, thing
        if facts.is_plain(thing):
            self._note(name, facts.plain(thing))
        elif known:
            self._note(name, facts.same(thing))
        else:
            way = self._ways.get(id(type(thing)))
            if way is None:
                way = self._ways[id(type(thing))] = self._enter(thing)
            way(thing, name)
        if not known and facts.is_extended(thing):
            self.checks.attributes(thing)
            self._attributes(thing, name)

    def _note(self, name: str, fact: Fact) -> None:
        while name in self.facts:  # two classes of one name, say
            name += "'"
        self.facts[name] = fact

    def _enter(self, thing: Any) -> Callable[[Any, str], None]:
        """Return the method for a kind of thing."""
        for kinds, method in _METHODS:
            if isinstance(thing, kinds):
                return method.__get__(self)
        if hasattr(type(thing), "__next__"):
            return self._refuse_iterator
        return self._object if is_open(thing) else self._same

    # kinds of things

    def _stream(self, thing: Any, name: str) -> None:
        self.streams[name] = thing
        self.mutable.append(thing)
        self._same(thing, name)

    def _holder(self, thing: Holder, name: str) -> None:
        """Note a parameter or buffer: what it looks like, and if not the model's own its array."""
        self.mutable.append(thing)
        self._note(name, facts.holder(thing))
        for key, value in vars(thing).items():
            if not key.startswith("_"):  # what a user has put there
                self.checks.key(vars(thing), key)
                self.look(value, f"{name}.{key}")
        if id(thing) not in self.own and not thing.is_lent:
            self.checks.key(vars(thing), "_array")
            self.look(thing.peek(), f"{name}.value")

    def _items(self, thing: Any, name: str) -> None:
        self._note(name, Fact((type(thing), len(thing)), f"{len(thing)} items"))
        if not isinstance(thing, tuple):
            self.mutable.append(thing)
            self.checks.items(thing)
        for i, item in enumerate(thing):
            self.look(item, f"{name}.{i}")

    def _dict(self, thing: dict[Any, Any], name: str) -> None:
        keys = tuple(thing)
        self._note(name, Fact((type(thing), keys), facts.clipped(f"a dict with {list(keys)}")))
        self.mutable.append(thing)
        self.checks.mapping(thing)
        for key, value in thing.items():
            self.look(value, f"{name}.{key}")

    def _set(self, thing: Any, name: str) -> None:
        self._note(name, Fact((type(thing), frozenset(thing)), facts.clipped(repr(thing))))
        if not isinstance(thing, frozenset):
            self.mutable.append(thing)
            self.checks.members(thing)

    def _versioned(self, thing: Versioned, name: str) -> None:
        """Note a layer, a loss or a rule: its attributes are counted when they are assigned.

        Code of a user's own may go past that, by vars(layer) or object.__setattr__.
        """
        self._same(thing, name)
        if not code.is_library(type(thing).__module__):
            skipped = _MEMORY | {key for owner, key in self.ignored if owner == id(thing)}
            self.checks.some_of(vars(thing), [key for key in vars(thing) if key not in skipped])
        self._attributes(thing, name)
        self._class(type(thing))

    def _object(self, thing: Any, name: str) -> None:
        """Note an object of a user's own class: nothing counts what is assigned to it."""
        self._same(thing, name)
        self.checks.attributes(thing)
        self._attributes(thing, name)
        self._class(type(thing))

    def _attributes(self, thing: Any, name: str) -> None:
        self.dicts[id(thing)] = getattr(thing, "__dict__", {})
        self.mutable.append(thing)
        for key, value in attributes_of(thing):
            if key not in _MEMORY and (id(thing), key) not in self.ignored:
                full = f"{name}.{key}" if name else key
                self.attributes[full], self.held[id(thing), key] = (id(thing), key), value
                self.look(value, full)

    def below(self, ignored: set[Attribute]) -> set[str]:
        """Return the names of facts that lie in some attributes, such as the items of a list."""
        roots = [f"{name}." for name, attribute in self.attributes.items() if attribute in ignored]
        return {name for name in self.facts if name.startswith(tuple(roots))} if roots else set()

    def _refuse_context(self, thing: Any, name: str) -> None:
        kind = type(thing).__name__
        raise TraceError(f"{name} is a {kind}, whose value depends on where it is asked for")

    def _refuse_iterator(self, thing: Any, name: str) -> None:  # noqa: ARG002
        raise TraceError(f"{name} is an iterator: where it stands cannot be looked at")


_METHODS: list[tuple[Any, Any]] = [
    (Holder, Survey._holder),
    (Versioned, Survey._versioned),
    (np.ndarray, Survey._array),
    (BUFFERS, Survey._buffer),
    ((ContextVar, local), Survey._refuse_context),
    ((list, tuple, deque), Survey._items),
    (dict, Survey._dict),
    ((set, frozenset), Survey._set),
    (_STREAMS, Survey._stream),
    (FunctionType, Survey._function),
    (MethodType, Survey._method),
    (partial, Survey._partial),
    (property, Survey._property),
    (_WRAPPERS, Survey._wrapper),
    (type, Survey._type),
    (ModuleType, Survey._same),
]


def is_open(thing: Any) -> bool:
    """Return whether an object's attributes are looked at: those of users', and portanet's own."""
    module = type(thing).__module__
    machinery = module.startswith(("portanet.compiler.", "portanet.backends."))
    own = module.startswith("portanet.") and not machinery
    users = not code.is_library(module) or module in ("types", "collections") or own
    return users and (hasattr(thing, "__dict__") or bool(slots_of(type(thing))))
