"""Which methods of an object are the user's own: such methods are called, never bypassed."""

from typing import Any


def is_overridden(owner: Any, base: type, method: str) -> bool:
    """Return whether a method of `base` is overridden, in a subclass or on the instance itself.

    >>> class Base:
    ...     def step(self): ...
    >>> class Own(Base):
    ...     def step(self): ...
    >>> is_overridden(Base(), Base, "step"), is_overridden(Own(), Base, "step")
    (False, True)
    """
    own = getattr(owner, "__dict__", {})
    return method in own or getattr(type(owner), method) is not getattr(base, method)
