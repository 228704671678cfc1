"""QuickChecks: what every step looks at, written as one expression of Python.

Assignments to layers, rules and their classes are counted; what is changed in a list, a plain
object, a global or a small array is not. Each of those is a comparison of some 30 ns here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from portanet.compiler.guards.attributes import slots_of
from portanet.compiler.guards.facts import is_plain

_FEW = 4  # attributes: one by one they are compared sooner than all together
_MISSING = object()


class QuickChecks:
    """Collects comparisons, and makes a function of them. All of them compare objects, not values:
    a number that is replaced by an equal one sends the next step to the thorough look.
    """  # noqa: D205

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._terms: list[str] = []

    def function(self) -> Callable[[], bool] | None:
        """Return a function that says whether nothing has changed; None without comparisons."""
        if not self._terms:
            return None
        names = dict(self.names)
        text = "def unchanged():\n    return (\n        " + "\n        and ".join(self._terms)
        exec(compile(f"{text}\n    )\n", "<portanet guards>", "exec"), names)
        return names["unchanged"]

    def items(self, held: Any) -> None:
        """Compare a list's items."""
        if any(is_plain(item) or isinstance(item, np.ndarray) for item in held):
            self._ids(list(held), f"{self._name(held)}")
        else:
            self._terms.append(f"{self._name(held)} == {self._name(held.copy())}")

    def mapping(self, held: dict[Any, Any]) -> None:
        """Compare a dict's keys and values."""
        name = self._name(held)
        self._ids(list(held), name)
        self._ids(list(held.values()), f"{name}.values()")

    def some_of(self, held: dict[str, Any], keys: list[str]) -> None:
        """Compare some values of a dict, and how many it has."""
        name = self._name(held)
        self._terms.append(f"len({name}) == {len(held)}")
        self._ids([held[key] for key in keys], f"map({name}.get, {self._name(keys)})")

    def members(self, held: Any) -> None:
        """Compare a set's members."""
        self._terms.append(f"{self._name(held)} == {self._name(held.copy())}")

    def attributes(self, thing: Any) -> None:
        """Compare what an object's attributes are."""
        held = getattr(thing, "__dict__", {})
        if len(held) > _FEW:
            self.mapping(held)
        elif hasattr(thing, "__dict__"):
            name, missing = self._name(held), self._name(_MISSING)
            self._terms.append(f"len({name}) == {len(held)}")
            for key, value in held.items():
                self._terms.append(f"{name}.get({key!r}, {missing}) is {self._name(value)}")
        for key in slots_of(type(thing)):
            if hasattr(thing, key):
                value = self._name(getattr(thing, key))
                self._terms.append(f"getattr({self._name(thing)}, {key!r}, None) is {value}")

    def type(self, kind: type) -> None:
        """Compare what a class holds."""
        self._ids(list(vars(kind).values()), f"{self._name(vars(kind))}.values()")

    def key(self, held: dict[str, Any], key: str) -> None:
        """Compare one value of a dict, such as a global."""
        self._terms.append(f"{self._name(held)}.get({key!r}) is {self._name(held[key])}")

    def cell(self, cell: Any) -> None:
        """Compare what a variable of an outer function is."""
        self._terms.append(f"{self._name(cell)}.cell_contents is {self._name(cell.cell_contents)}")

    def array(self, array: np.ndarray) -> None:
        """Compare an array's numbers."""
        self._terms.append(f"{self._name(array)}.tobytes() == {self._name(array.tobytes())}")

    def objects(self, array: np.ndarray) -> None:
        """Compare which Python objects an array refers to."""
        self._ids(list(array.flat), f"{self._name(array)}.flat")

    def buffer(self, held: Any) -> None:
        """Compare bytes that can be written in place."""
        view = self._name(memoryview(held).tobytes())
        self._terms.append(f"{self._name(memoryview)}({self._name(held)}).tobytes() == {view}")

    def _ids(self, items: list[Any], text: str) -> None:
        self._name(items)  # kept alive, or another object could get an id
        self._terms.append(f"[*map(id, {text})] == {self._name([*map(id, items)])}")

    def _name(self, thing: Any) -> str:
        name = f"g{len(self.names)}"
        self.names[name] = thing
        return name
