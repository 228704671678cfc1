"""The attributes of objects of any kind."""

from collections.abc import Iterator
from typing import Any


def attributes_of(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield an object's attributes: those in its dict, and those in slots."""
    yield from getattr(thing, "__dict__", {}).items()
    for key in slots_of(type(thing)):
        if hasattr(thing, key):
            yield key, getattr(thing, key)


def slots_of(kind: type) -> list[str]:
    """Return the names of the slots that a class and those it is made of declare."""
    found: list[str] = []
    for cls in kind.__mro__:
        slots = vars(cls).get("__slots__")
        if slots:
            found += [slots] if isinstance(slots, str) else list(slots)
    return [key for key in found if key not in ("__dict__", "__weakref__")] if found else found
