"""Lifetimes of a plan's values, counted in units."""

from collections.abc import Iterable, Sequence
from math import inf

from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Graph, Value


class Lifetimes:
    """The unit that computes each value, and the last one that reads its memory.

    Results and inputs are read after the last unit too: they are *pinned*.
    """

    def __init__(self, graph: Graph, units: Sequence[Unit], inputs: Iterable[Value]) -> None:
        self._made = {id(v): i for i, unit in enumerate(units) for v in unit.outputs}
        self._last: dict[int, float] = {}
        for i, unit in enumerate(units):
            for value in unit.inputs:
                self._last[id(value.root)] = i
        self._pinned = {id(v.root) for v in (*graph.results.values(), *inputs)}
        self._last |= dict.fromkeys(self._pinned, inf)

    def is_made(self, value: Value) -> bool:
        """Return whether a unit computes a value and stores it."""
        return id(value) in self._made

    def is_pinned(self, value: Value) -> bool:
        """Return whether a value is read after a replay."""
        return id(value) in self._pinned

    def made(self, value: Value) -> int:
        """Return the unit that computes a value."""
        return self._made[id(value)]

    def last_read(self, value: Value) -> float:
        """Return the last unit that reads a value's memory; -1 if none does."""
        return self._last.get(id(value.root), -1)

    def keep(self, value: Value) -> None:
        """Keep a value live until the last unit has run."""
        self._last[id(value.root)] = inf

    def death(self, value: Value) -> float:
        """Return the last unit that reads a value, or an input of the concatenation that it is."""
        return max([self.last_read(value), *map(self.last_read, pieces_of(value))])


def pieces_of(value: Value) -> Sequence[Value]:
    """Return the inputs of the concatenation whose output this is; () for other values."""
    node = value.node
    joined = node is not None and node.op == "concat" and isinstance(node.args[0], list | tuple)
    return node.args[0] if joined and node is not None else ()
