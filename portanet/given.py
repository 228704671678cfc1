"""What the constructors of layers and losses got: a network is rebuilt from a checkpoint with it.

It is noted as plain values, before a constructor can change them: numbers, texts, lists, tuples,
dicts, small arrays, names of functions and classes, and the layers among the arguments. A generator
counts as None: the file has the weights that it drew. Of anything else the text is noted, which
says why a network cannot be described.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from portanet.constructors import CalledType
from portanet.errors import short
from portanet.versioned import VersionedType

PLAIN = (type(None), bool, int, float, str)
_DEPTH = 20  # lists in lists
_MOST = 100_000  # items of a list, numbers of an array


@dataclass(frozen=True)
class Named:
    """A function or a class among the arguments: the name that it was defined with."""

    name: str
    module: str


@dataclass(frozen=True)
class Partial:
    """A functools.partial among the arguments."""

    function: Any
    args: tuple[Any, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Unknown:
    """An argument that no file can hold."""

    text: str


@dataclass(eq=False, slots=True)
class Given:
    """The arguments of a constructor, and the plain attributes that it has set."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)

    def put_into(self, part: Any) -> None:
        """Remember this in a new part."""
        self.attributes.update(plain_attributes(part))
        vars(part)["_made_with"] = self  # no assignment that counts as a change


NOTHING_GIVEN = Given((), {})


class PartType(VersionedType):
    """The type of layers and losses: what their constructors got is remembered."""

    def _note_call(cls, args: tuple[Any, ...], options: dict[str, Any]) -> Given:  # noqa: N805
        if arguments_now(cls) is not None:  # layers that are replaced later can be freed
            return Given((), {})
        return Given(
            tuple(map(noted, args)), {name: noted(value) for name, value in options.items()}
        )


def arguments_now(kind: type) -> Callable[[Any], dict[str, Any]] | None:
    """Return the method by which a container tells its constructor's arguments, as they are now.

    None for other classes, and for a subclass with a constructor of its own.
    """
    owner = next(cls for cls in kind.__mro__ if "__init__" in vars(cls))
    return vars(owner).get("constructor_arguments")


def plain_attributes(part: Any) -> dict[str, Any]:
    """Return the public attributes of a part that are numbers, texts, or tuples of these."""
    found = vars(part).items()
    return {name: value for name, value in found if name[:1] != "_" and is_plain(value)}


def is_plain(value: Any) -> bool:
    """Return whether a value is a number, a text, None, or a tuple of these."""
    if type(value) is tuple:
        return all(type(item) in PLAIN for item in value)
    return type(value) in PLAIN


def noted(value: Any, depth: int = _DEPTH) -> Any:
    """Return an argument as it is noted.

    >>> noted([1, (2.5, np.float64(0.5))]), noted(len), noted({1, 2})
    ([1, (2.5, 0.5)], Named(name='len', module='builtins'), Unknown(text='set'))
    """
    if type(value) in PLAIN or isinstance(type(value), CalledType):
        return value
    if isinstance(value, np.generic):
        return value.item() if value.dtype.kind in "biuf" else Unknown(type(value).__name__)
    if type(value) in (list, tuple) and depth and len(value) <= _MOST:
        return type(value)(noted(item, depth - 1) for item in value)
    if type(value) is dict and depth and len(value) <= _MOST and all(map(is_plain, value)):
        return {key: noted(item, depth - 1) for key, item in value.items()}
    if type(value) is np.ndarray and value.size <= _MOST and value.dtype.kind in "biuf":
        return value.copy()
    if isinstance(value, partial):
        return Partial(
            noted(value.func), tuple(map(noted, value.args)),
            {name: noted(option) for name, option in value.keywords.items()},
        )  # fmt: skip
    return _named(value)


def _named(value: Any) -> Any:
    if type(value).__name__ == "Generator" and type(value).__module__.startswith("numpy.random"):
        return None
    name = getattr(value, "__name__", None)
    bound = not isinstance(getattr(value, "__self__", None), ModuleType | None)
    if callable(value) and isinstance(name, str) and not bound:
        return Named(name, str(getattr(value, "__module__", "")))
    return Unknown(short(value) if hasattr(value, "ndim") else type(value).__name__)
