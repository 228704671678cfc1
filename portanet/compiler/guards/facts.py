"""Facts: things in a form that is equal as long as nothing has changed, and words for them."""

from collections import deque
from enum import Enum
from types import FunctionType
from typing import Any

import numpy as np

from portanet.checks import dtype_name
from portanet.compiler.guards.code import is_library
from portanet.parameter import Holder

PLAIN = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), np.generic, np.dtype)
_PLAIN = (*PLAIN, Enum, range)
_CONTAINERS = (*PLAIN, list, tuple, deque, dict, set, frozenset, np.ndarray)
_FUNCTIONS = frozenset(
    {FunctionType, property, staticmethod, classmethod}
)  # most that classes have
_EXACT = frozenset({int, float, str, bool, type(None)})  # most that attributes have
WHOLE_ARRAY = 4096  # bytes: smaller host arrays are compared number by number


class Same:
    """Equal to another one of the same object, which it keeps alive."""

    __slots__ = ("it",)
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, it: Any) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.it is other.it


class Fact:
    """What is known of one thing: `form` is equal as long as nothing has changed.

    Without `words` they are made of the form, once somebody asks: a survey has thousands of facts.
    """

    __slots__ = ("_words", "form")
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, form: Any, words: str | None = None) -> None:
        self.form, self._words = form, words

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and self.form == other.form

    @property
    def words(self) -> str:
        """The thing in a few words."""
        if self._words is not None:
            return self._words
        return described(self.form.it) if isinstance(self.form, Same) else clipped(self.form[1])


def plain(value: Any) -> Fact:
    """Return the fact of a number or a text. 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    return Fact((type(value), repr(value)))


def same(thing: Any) -> Fact:
    """Return the fact that a thing is this very object."""
    return Fact(Same(thing))


def array(value: np.ndarray, largest: float = WHOLE_ARRAY) -> Fact:
    """Return the fact of a host array: its numbers if it has few bytes, else which array it is."""
    small = value.nbytes <= largest and not value.dtype.hasobject
    numbers = value.tobytes() if small else Same(value)
    words = clipped(np.array2string(value, threshold=8)) if small else described(value)
    return Fact((value.shape, str(value.dtype), numbers), words)


def buffer(value: Any, content: bytes | None) -> Fact:
    """Return the fact of bytes that can be written: what they are, else which object it is."""
    if content is None:
        return same(value)
    return Fact((Same(value), content), clipped(repr(value)))


def holder(held: Holder) -> Fact:
    """Return the fact of a Parameter or Buffer: which it is, what its array looks like."""
    (shape, dtype, kind), trainable = held.form, getattr(held, "trainable", None)
    form = shape, dtype_name(dtype), kind
    frozen = ", frozen" if trainable is False else ""
    words = f"{type(held).__name__} {form[1]}{list(form[0])}{frozen}"
    return Fact((Same(held), trainable, form), words)


def is_plain(thing: Any) -> bool:
    """Return whether a thing is a number, a text or the like, which nobody can change."""
    kind = type(thing)
    return kind in _EXACT or (kind not in _FUNCTIONS and isinstance(thing, _PLAIN))


def is_extended(thing: Any) -> bool:
    """Return whether a list, a number or the like has attributes: its class is a user's own."""
    if not hasattr(thing, "__dict__") or is_library(type(thing).__module__):
        return False
    return isinstance(thing, _CONTAINERS) and not isinstance(thing, Enum)


def described(thing: Any) -> str:
    """Return a few words for an object of any kind."""
    if isinstance(thing, np.ndarray):
        return f"an array {thing.dtype}{list(thing.shape)}"
    name = getattr(thing, "__qualname__", None)
    return clipped(str(name)) if name else f"a {type(thing).__name__} object"


def clipped(text: str) -> str:
    """Return a text in one line of at most 60 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
