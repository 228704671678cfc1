"""A walk through what a part holds: its attributes, with the lists, tuples and dicts in them."""

from collections.abc import Iterable, Iterator
from typing import Any

from portanet.parameter import Holder


class Walked:
    """An object whose attributes are walked through, but for `_saved`."""


_ENTERED = (list, tuple, dict, Holder, Walked)  # not numbers, texts, None: most attributes


def walk(part: Any, kind: type, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name, object) for every object of a kind in a part, its parts, lists and dicts."""
    if isinstance(part, kind):
        yield name.removesuffix("."), part
    for key, value in _inside(part):
        if isinstance(value, _ENTERED):
            yield from walk(value, kind, f"{name}{key}.")


def held(part: Any, kind: type) -> list[Any]:
    """Return what a walk would find, in any order and without names: in a third of the time."""
    found, waiting = [], [part]
    while waiting:
        part = waiting.pop()
        if isinstance(part, kind):
            found.append(part)
        if isinstance(part, Walked):
            inside = [value for key, value in vars(part).items() if key != "_saved"]
        elif isinstance(part, dict):
            inside = part.values()
        else:
            inside = part if isinstance(part, list | tuple) else ()
        waiting += [value for value in inside if isinstance(value, _ENTERED)]
    return found


def first(part: Any, kind: type) -> Any:
    """Return the first object that a walk would find, None if there is none."""
    if isinstance(part, kind):
        return part
    for _, value in _inside(part):
        if isinstance(value, _ENTERED):
            found = first(value, kind)
            if found is not None:
                return found
    return None


def _inside(part: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(part, Walked):
        return [(key, value) for key, value in vars(part).items() if key != "_saved"]
    if isinstance(part, list | tuple):
        return enumerate(part)
    return part.items() if isinstance(part, dict) else ()
