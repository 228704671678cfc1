"""Which classes and functions a file may name: public ones, and those that were passed in."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from portanet.errors import ArgumentError, short
from portanet.part import Part

_HOMES = ("portanet.layers", "portanet.losses", "portanet.sequential", "portanet.graph")
_INITIALIZERS = "portanet.initializers"


def public_class(name: str) -> type[Part] | None:
    """Return a public layer or loss by its name, None if there is none."""
    for home in map(import_module, _HOMES):
        found = vars(home).get(name)
        if isinstance(found, type) and issubclass(found, Part) and name[:1] != "_":
            return found
    return None


def public_function(name: str) -> Callable[..., Any] | None:
    """Return a public initializer by its name, None if there is none."""
    found = vars(import_module(_INITIALIZERS)).get(name)
    return found if getattr(found, "__wrapped__", None) is not None else None


def is_public(name: str, module: str) -> bool:
    """Return whether a function or class of a module is one that any file may name."""
    if module == _INITIALIZERS:
        return public_function(name) is not None
    found = public_class(name)
    return found is not None and found.__module__ == module


class Names:
    """The functions and classes of a user's own, which files may name because they were passed in.

    Raises ArgumentError unless they are functions and classes with different names.
    """

    def __init__(self, who: str, own: Iterable[Any] | Mapping[str, Any]) -> None:
        example = "write own=[MyLayer, my_function]"
        if isinstance(own, str | type) or not isinstance(own, Iterable):
            raise ArgumentError(f"{who}: own must be a list, is {short(own)}; {example}")
        named = own.items() if isinstance(own, Mapping) else [(_name(who, t), t) for t in own]
        self._own: dict[str, Any] = {}
        for name, thing in named:
            if not callable(thing) or self._own.get(name, thing) is not thing:
                raise ArgumentError(
                    f"{who}: own must be classes and functions with a name of their own, "
                    f"{short(name)} is {short(thing)}"
                    + (" and another one" if name in self._own else f"; {example}")
                )
            self._own[name] = thing

    def find(self, word: str, name: str) -> Any:
        """Return what a file names, None if nothing of that name may be used."""
        if word == "own":
            return self._own.get(name)
        return public_class(name) or public_function(name)


def _name(who: str, thing: Any) -> str:
    name = getattr(thing, "__name__", None)
    if not isinstance(name, str):
        raise ArgumentError(
            f"{who}: own must be classes and functions, one is {short(thing)}; write "
            "own=[MyLayer, my_function]"
        )
    return name
