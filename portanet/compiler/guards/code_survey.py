"""CodeSurvey: the part of a survey that looks at classes and functions."""

from functools import partial
from types import FunctionType, MethodType
from typing import Any

from portanet.compiler.errors import TraceError
from portanet.compiler.guards import code, facts
from portanet.compiler.guards.quick import QuickChecks
from portanet.versioned import Versioned

# Entries of classes that no step reads.
_OF_CLASSES = {
    "__dict__", "__doc__", "__module__", "__weakref__", "__annotations__", "_abc_impl", "__init__",
    "__new__", "__repr__", "__init_subclass__", "__parameters__", "__orig_bases__",
}  # fmt: skip


# What libraries' classes hold, and the facts of it.
_LIBRARY: dict[type, tuple[list[Any], dict[str, facts.Fact]]] = {}


class CodeSurvey:
    """Notes what classes and functions hold; `look` notes a thing of any kind."""

    checks: QuickChecks
    _seen: dict[int, Any]

    def look(self, thing: Any, name: str) -> None:
        """Note a thing, and what lies in it."""
        raise NotImplementedError

    def _note(self, name: str, fact: facts.Fact) -> None:
        raise NotImplementedError

    def _same(self, thing: Any, name: str) -> None:
        self._note(name, facts.same(thing))

    def _class(self, kind: type) -> None:
        """Note what a class and those it is made of hold; of libraries' classes what is new."""
        for cls in kind.__mro__:
            users = not code.is_library(cls.__module__)
            if id(cls) in self._seen or not (users or issubclass(cls, Versioned)):
                continue
            self._seen[id(cls)] = cls
            if users and not issubclass(cls, Versioned):
                self.checks.type(cls)
            if not users:
                self._library_class(cls)
                continue
            for key, value in vars(cls).items():
                if key not in _OF_CLASSES:
                    self.look(value, f"{cls.__name__}.{key}")

    def _library_class(self, cls: type) -> None:
        """Note what a library's class holds, as in the last look if that is the same objects."""
        held = list(vars(cls).values())
        known = _LIBRARY.get(cls)
        if known is None or [*map(id, known[0])] != [*map(id, held)]:
            known = _LIBRARY[cls] = held, _entries(cls)
        for name, fact in known[1].items():
            self._note(name, fact)

    def _type(self, thing: type, name: str) -> None:
        self._same(thing, name)
        self._seen.pop(id(thing))
        self._class(thing)

    def _function(self, thing: FunctionType, name: str) -> None:
        self._note(name, facts.same(thing.__code__))
        if code.is_library(thing.__module__):
            return
        for clock in code.clocks_read(thing):
            raise TraceError(f"{thing.__qualname__} reads {clock}, whose answer changes each time")
        self.look(thing.__defaults__, f"{name}.defaults")
        self.look(thing.__kwdefaults__, f"{name}.kwdefaults")
        for variable, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True):
            self._cell(cell, f"{thing.__qualname__}.{variable}")
        for known, key, of in code.globals_read(thing):
            self.checks.key(known, key)
            self.look(known[key], of)

    def _cell(self, cell: Any, name: str) -> None:
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet: such as a function that refers to itself
            return
        if getattr(value, "__name__", None) != "__class__" and not isinstance(value, type):
            self.checks.cell(cell)
        self.look(value, name)

    def _method(self, thing: MethodType, name: str) -> None:
        self.look(thing.__self__, f"{name}.self")
        self.look(thing.__func__, name)

    def _partial(self, thing: partial[Any], name: str) -> None:
        for key in ("func", "args", "keywords"):
            self.look(getattr(thing, key), f"{name}.{key}")

    def _property(self, thing: property, name: str) -> None:
        self._same(thing, name)
        for function in (thing.fget, thing.fset):
            self.look(function, f"{name}.{getattr(function, '__name__', '')}")

    def _wrapper(self, thing: Any, name: str) -> None:
        self.look(thing.__func__, name)


def _entries(cls: type) -> dict[str, facts.Fact]:
    """Return a fact for each entry of a class."""
    return {
        f"{cls.__name__}.{key}": facts.plain(value) if facts.is_plain(value) else facts.same(value)
        for key, value in vars(cls).items()
        if key not in _OF_CLASSES
    }
