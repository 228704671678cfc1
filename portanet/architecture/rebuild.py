"""From an architecture to a network: calls of constructors, with the arguments that are in it.

Only classes and functions are called that are public, or were passed in. Initializers draw nothing
(`unfilled`), and no stream of random numbers moves on.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from portanet.architecture.form import check_form, check_size, named_in, number, word_of
from portanet.architecture.names import Names
from portanet.architecture.restore import restore_changes
from portanet.errors import CheckpointError, PortanetError, short
from portanet.given import PLAIN
from portanet.layer import Layer
from portanet.part import Part
from portanet.random import streams_apart
from portanet.unfilled import Allowance, unfilled
from portanet.wire import Wire, wired

FAULTS = (
    PortanetError, ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError,
    TypeError, ValueError,
)  # fmt: skip
_ARRAYS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
           "float16", "float32", "float64")  # fmt: skip


def rebuild(architecture: Mapping[str, Any], names: Names, arrays: Mapping[str, Any]) -> Part:
    """Return a network without numbers, for arrays of a file by name.

    Raises CheckpointError if a class or function is missing, or the architecture is damaged.
    """
    check_form(architecture)
    nodes, parts = architecture["nodes"], architecture["parts"]
    _check_named(nodes, names)
    check_size(nodes, 1000 + 4 * len(parts))
    n_numbers = sum(array.size for array in arrays.values())
    allowance = Allowance(1000 + 4 * len(arrays), n_numbers)
    with unfilled(allowance), streams_apart():
        model = _Calls(names, allowance).all(nodes)
    try:
        restore_changes(model, architecture)
    except CheckpointError:
        raise
    except FAULTS as error:
        raise CheckpointError(f"what has been changed does not fit: {_said(error)}") from error
    return model


def called_anew(architecture: Mapping[str, Any], names: Names) -> Part:
    """Return a network of a description in memory; its initializers and streams draw anew."""
    model = _Calls(names, Allowance(0, 0)).all(architecture["nodes"])
    restore_changes(model, {**architecture, "streams": {}})
    return model


def _check_named(nodes: list[Any], names: Names) -> None:
    used = dict.fromkeys(named_in(nodes))
    missing = [name for word, name in used if names.find(word, name) is None and word == "own"]
    unknown = [name for word, name in used if names.find(word, name) is None and word != "own"]
    if unknown:
        raise CheckpointError(
            f"portanet has no {', '.join(map(short, unknown))}: another version has written it"
        )
    if missing:
        words = [name if name.isidentifier() else short(name) for name in missing]
        raise CheckpointError(
            f"it needs classes or functions of your own: {', '.join(words)}; pass them by "
            f"load_model(path, own=[{', '.join(words)}])"
        )


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, PortanetError) else f"{type(error).__name__}: {error}"


class _Calls:
    """Calls the constructors of a description, one after the other."""

    def __init__(self, names: Names, allowance: Allowance) -> None:
        self.names, self.allowance, self.made = names, allowance, list[Any]()

    def all(self, nodes: list[Any]) -> Part:
        """Return what the last node makes."""
        for i, node in enumerate(nodes):
            word = word_of(node)
            self.made.append(self._wire(i, node) if word[:2] == "in" else self._part(i, node, word))
        if not isinstance(self.made[-1], Part):
            raise CheckpointError("its last node must be a network, is an input or a wire")
        return self.made[-1]

    def _part(self, i: int, node: dict[str, Any], word: str) -> Part:
        kind = self.names.find(word, node[word])
        if not isinstance(kind, type) or not issubclass(kind, Part):
            raise CheckpointError(f"node {i} must be a layer or a loss, is {short(kind)}")
        return self._try(i, kind.__name__, lambda: self._called(i, node, kind, word == "own"))

    def _called(self, i: int, node: dict[str, Any], kind: type[Part], own: bool) -> Part:
        args = [self._value(i, value) for value in node.get("args", [])]
        options = {name: self._value(i, value) for name, value in node.get("options", {}).items()}
        self.allowance.writable = own
        return kind(*args, **options)

    def _wire(self, i: int, node: dict[str, Any]) -> Wire:
        if "input" in node:
            if type(node["input"]) is not str:
                raise CheckpointError(f"node {i} must have a text as its name, is {short(node)}")
            return Wire(name=node["input"])
        return self._try(i, "a wire", lambda: self._wired(i, node))

    def _wired(self, i: int, node: dict[str, Any]) -> Wire | None:
        sources = [self._wire_at(i, j) for j in node["inputs"]]
        if node.get("layer") is None:
            if type(node.get("item")) not in (int, str) or len(sources) != 1:
                raise CheckpointError(f"node {i} must have an item of one wire, is {short(node)}")
            return sources[0][node["item"]]
        layer, several = self.made[number(node["layer"], i)], node.get("several")
        if not isinstance(layer, Layer) or type(several) is not bool or "item" in node:
            raise CheckpointError(f"node {i} must be a call of a layer, is {short(node)}")
        if not several and len(sources) != 1:
            raise CheckpointError(f"node {i} must have one input, is {short(node)}")
        sides: dict[str, Any] = {n: self._wire_at(i, j) for n, j in node.get("sides", {}).items()}
        return wired(layer, sources if several else sources[0], sides)

    def _wire_at(self, i: int, j: Any) -> Wire:
        found = self.made[number(j, i)]
        if not isinstance(found, Wire):
            raise CheckpointError(f"node {i} must take wires, takes {short(found)}")
        return found

    def _value(self, i: int, value: Any) -> Any:
        """Return an argument; form.py has looked at how it is written."""
        if type(value) in PLAIN:
            return value
        if isinstance(value, list):
            return [self._value(i, item) for item in value]
        word = word_of(value, "a value")
        if word == "node":
            return self.made[number(value[word], i)]
        if word in ("portanet", "own"):
            return self.names.find(word, value[word])
        if word == "partial":
            options = {name: self._value(i, v) for name, v in value.get("options", {}).items()}
            function = self._value(i, value[word])
            return partial(function, *self._value(i, value.get("args", [])), **options)
        if word == "array":
            return _array(value)
        items = self._value(i, value[word])
        return tuple(items) if word == "tuple" else dict(items)

    def _try(self, i: int, name: str, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except CheckpointError as error:
            raise CheckpointError(f"{name} (node {i}): {error}") from error
        except FAULTS as error:
            raise CheckpointError(f"{name} (node {i}) cannot be made: {_said(error)}") from error


def _array(value: dict[str, Any]) -> np.ndarray:
    if value.get("dtype") not in _ARRAYS:
        raise CheckpointError(f"the dtype of an array must be one of {', '.join(_ARRAYS)}")
    return np.asarray(value["array"], value["dtype"])
