"""From a network to its architecture.

`docs/checkpoints.md` has the format. A description is a list of nodes: each is one call of a
constructor, or a wire of a Graph, and names earlier ones by their numbers. So what is used twice
is there once. The last one is the network.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from portanet.architecture.names import is_public
from portanet.errors import short
from portanet.given import (
    NOTHING_GIVEN,
    PLAIN,
    Named,
    Partial,
    Unknown,
    arguments_now,
    plain_attributes,
)
from portanet.parameter import Parameter
from portanet.part import Part
from portanet.random import Key
from portanet.wire import Wire

VERSION = 1


class NotDescribedError(Exception):
    """A network that cannot be made again from a description; the message says why."""


def describe(model: Part) -> dict[str, Any]:
    """Return the architecture of a network, for JSON: or why there is none, as `not_described`.

    >>> from portanet import Linear, ReLU, Sequential
    >>> model = Sequential([Linear(3, 4), ReLU()])
    >>> describe(model)["nodes"][:2]
    [{'portanet': 'Linear', 'args': [3, 4]}, {'portanet': 'ReLU'}]
    >>> describe(Sequential([Linear(3, 4, weights=lambda shape, rng: 0.0)]))["not_described"]
    'Linear: weights is a function without a name; define it with def'
    """
    try:
        nodes = _Nodes()
        nodes.of(model)
        return {"version": VERSION, "nodes": nodes.found, **_as_it_is(model)}
    except NotDescribedError as reason:
        return {"version": VERSION, "not_described": str(reason)}
    except RecursionError:
        return {"version": VERSION, "not_described": "its parts are nested too deeply"}


def _as_it_is(model: Part) -> dict[str, Any]:
    """Return what has been changed, shared, frozen and drawn since the constructors were called."""
    parts, holders, first = model.named_parts(), model.named_holders(), dict[int, str]()
    shared = {name: first.setdefault(id(holder), name) for name, holder in holders}
    changed = {name: _changed(part) for name, part in parts.items()}
    streams = {n: [*p.key, p.step] for n, p in _drawing(parts).items()}  # pyright: ignore[reportAttributeAccessIssue]
    return {
        "parts": {name: type(part).__name__ for name, part in parts.items()},
        "changed": {name: attributes for name, attributes in changed.items() if attributes},
        "shared": {name: other for name, other in shared.items() if name != other},
        "frozen": [n for n, h in holders if isinstance(h, Parameter) and not h.trainable],
        "streams": streams,
        "dtype": model.dtype,
    }


def _drawing(parts: Mapping[str, Part]) -> dict[str, Part]:
    """Return the parts that draw numbers in each step."""
    keyed = {n: p for n, p in parts.items() if isinstance(getattr(p, "key", None), Key)}
    return {n: p for n, p in keyed.items() if type(getattr(p, "step", None)) is int}


def _changed(part: Part) -> dict[str, Any]:
    """Return the plain attributes that are not as the constructor has set them."""
    before, draws = part._made_with.attributes, _drawing({"": part})
    return {
        name: _plain(value)
        for name, value in plain_attributes(part).items()
        if (name not in before or before[name] != value or type(before[name]) is not type(value))
        and not (draws and name == "step")
    }


def _plain(value: Any) -> Any:
    return {"tuple": list(value)} if isinstance(value, tuple) else value


class _Nodes:
    """The nodes of a description so far, and which part or wire has which number."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # alive, so that no other object gets its id
        self._own: dict[str, str] = {}  # the modules of a user's own classes and functions

    def of(self, thing: Any) -> int:
        """Return the number of a part or wire."""
        if id(thing) not in self._numbers:
            node = self._wire(thing) if isinstance(thing, Wire) else self._part(thing)
            self._numbers[id(thing)] = len(self.found)
            self._kept.append(thing)
            self.found.append(node)
        return self._numbers[id(thing)]

    def _part(self, part: Any) -> dict[str, Any]:
        if not isinstance(part, Part):
            raise NotDescribedError(
                f"a {type(part).__name__} among the arguments is no layer or loss"
            )
        who, args, options = type(part).__name__, *_arguments(part)
        node = self._named(who, "it", Named(who, type(part).__module__))
        if args:
            node["args"] = [self._value(who, f"argument {i}", v) for i, v in enumerate(args)]
        if options:
            node["options"] = {name: self._value(who, name, v) for name, v in options.items()}
        return node

    def _wire(self, wire: Wire) -> dict[str, Any]:
        if wire.layer is None and wire.item is None:
            return {"input": wire.name}
        node: dict[str, Any] = {"inputs": [self.of(source) for source in wire.inputs]}
        if wire.layer is None:
            return node | {"item": wire.item}
        node["several"] = wire.several
        node["sides"] = {name: self.of(side) for name, side in wire.sides.items()}
        return {"layer": self.of(wire.layer), **node}

    def _value(self, who: str, name: str, value: Any) -> Any:
        """Return an argument for JSON: what is no number, text or list is a dict with a word."""
        if type(value) in PLAIN:
            return value
        if isinstance(value, list | tuple):
            items = [self._value(who, name, item) for item in value]
            return items if isinstance(value, list) else {"tuple": items}
        if isinstance(value, dict):
            pairs = [
                (self._value(who, name, k), self._value(who, name, v)) for k, v in value.items()
            ]
            return {"dict": [list(pair) for pair in pairs]}
        if isinstance(value, np.ndarray):
            return {"array": value.tolist(), "dtype": value.dtype.name}
        if isinstance(value, Named):
            return self._named(who, name, value)
        if isinstance(value, Partial):
            parts = ("partial", value.function), ("args", list(value.args))
            made = {word: self._value(who, name, part) for word, part in parts}
            return {
                **made,
                "options": {n: self._value(who, n, v) for n, v in value.options.items()},
            }
        if isinstance(value, Unknown):
            raise NotDescribedError(f"{who}: {name} is of a kind that no file holds: {value.text}")
        return {"node": self.of(value)}

    def _named(self, who: str, name: str, named: Named) -> dict[str, Any]:
        if named.name == "<lambda>":
            raise NotDescribedError(
                f"{who}: {name} is a function without a name; define it with def"
            )
        if is_public(named.name, named.module):
            return {"portanet": named.name}
        if self._own.setdefault(named.name, named.module) != named.module:
            raise NotDescribedError(f"two classes or functions are called {short(named.name)}")
        return {"own": named.name}


def _arguments(part: Part) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments that make such a part: of containers, the layers that it has now."""
    now = arguments_now(type(part))
    if now is not None:
        return (), now(part)
    if part._made_with is NOTHING_GIVEN:
        raise NotDescribedError(f"{type(part).__name__} was not made by its constructor")
    return part._made_with.args, part._made_with.options
