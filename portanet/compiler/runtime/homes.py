"""Homes: the memory of a step's states, and the pieces of it that have names of their own."""

from collections.abc import Callable
from typing import Any

from portanet.compiler.tracing.rule_group import RuleGroup
from portanet.compiler.tracing.trace import Trace
from portanet.typing import Array, Namespace

TOTALS = ("total:loss", "total:weight")  # sums of the epoch; ":error" is what rounding took off


class Homes:
    """`homes` has the array of each state by name; parameters may be pieces of a vector in it."""

    def __init__(self, trace: Trace, engine: Any, xp: Namespace) -> None:
        self._new, self._copy, self._replaces = engine.new, engine.copy, engine.replaces
        states = trace.tape.graph.states.items()
        self.homes = {name: xp.zeros(value.shape, dtype=value.dtype) for name, value in states}
        self._zeros = {n: xp.zeros_like(a) for n, a in self.homes.items() if n.startswith(TOTALS)}
        self._views = self.homes if self._replaces else dict(self.homes)
        self._piece_functions = [_pieces_of(group) for group in trace.groups]
        for pieces in self._piece_functions:
            self._views |= pieces(self.homes)

    def put(self, name: str, array: Array) -> None:
        """Give a state an array's numbers."""
        if self._replaces:
            self._views[name] = self._new(array)
        else:
            self._copy(self._views[name], array)

    def view(self, name: str) -> Array:
        """Return the memory of a state, or of a parameter's piece of one."""
        return self._views[name]

    def totals(self) -> dict[str, Array]:
        """Return the sums of the epoch, by "total:loss" and "total:weight"."""
        found = {}
        for name in TOTALS:
            if name in self.homes:
                error = self.homes.get(f"{name}:error")
                found[name] = self.homes[name] if error is None else self.homes[name] + error
        return found

    def clear_totals(self) -> None:
        """Begin an epoch's sums anew."""
        for name, zero in self._zeros.items():
            self.put(name, zero)

    def copies(self) -> dict[str, Array]:
        """Return copies of all homes."""
        return {name: self._new(home) for name, home in self.homes.items()}

    def named(self, homes: dict[str, Array]) -> dict[str, Array]:
        """Return states by name, parameters' pieces of vectors too, as they lie in other homes."""
        found = dict(homes)
        for pieces in self._piece_functions:
            found |= pieces(homes)
        return found

    def restore(self, copies: dict[str, Array]) -> None:
        """Give all homes the numbers of copies."""
        for name, array in copies.items():
            self.put(name, array)


def _pieces_of(group: RuleGroup) -> Callable[[dict[str, Array]], dict[str, Array]]:
    """Return a function of homes that gives each parameter's piece of its vector, by name."""
    if group.flat is None:
        return lambda homes: {}  # noqa: ARG005 - each parameter has a home of its own
    nodes: dict[str, Any] = {name: tracer.traced.node for name, tracer in group.values.items()}
    number, slot_names = group.number, group.slot_names

    def pieces(homes: dict[str, Array]) -> dict[str, Array]:
        found = {}
        for name, node in nodes.items():
            found[name] = node.function(homes[f"flat:{number}"])
            for key in slot_names[name]:
                found[f"{name}/{key}"] = node.function(homes[f"flat:{number}/{key}"])
        return found

    return pieces
