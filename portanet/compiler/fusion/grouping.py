"""Grouping: which operations of a graph are fused into one kernel.

An operation joins the first group with the same iteration space that runs after its inputs are
computed. So the gradient of a bias is summed in the kernel that computes the summands, even if a
matrix product was recorded in between:

    d = g * (x > 0)      group 1            d = g * (x > 0), b = sum(d, 0)   one kernel
    w = x.T @ d          product     ->     w = x.T @ d
    b = sum(d, 0)        group 1
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from portanet.compiler.fusion.fused_group import Group, start
from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.graph.operations import REDUCERS


def group_nodes(
    nodes: Iterable[Node], has_text: Callable[[Node], bool], most_nodes: int,
    last: Collection[Node] = (),
) -> list[Node | Group]:  # fmt: skip
    """Return operations and groups of operations in an order in which they can run.

    `has_text(node)` says whether an operation can be written in the kernel's language; those in
    `last` are the last ones of their groups.
    """
    units: list[Any] = []
    open_groups = _OpenGroups(units, most_nodes, last)
    made: dict[int, int] = {}  # index in `units` of the unit that computes a value
    for node in nodes:
        if node.is_view:
            continue
        earliest = max([made.get(id(v.root), -1) for v in node.inputs], default=-1)
        fusible = has_text(node)
        at = open_groups.join(node, max(earliest, 0)) if fusible else None
        if at is None:
            at = len(units)
            units.append((start(node) if fusible else None) or node)
            open_groups.note(at)
        for value in node.outputs:
            made[id(value)] = at
    return units


class _OpenGroups:
    """The groups that are not full, indexed by the sizes of their arrays.

    An operation on 64 x 20 elements is offered only to groups with arrays of 1280 elements. Without
    the index the time for planning would grow with the square of a network's length.
    """

    def __init__(self, units: list[Any], most_nodes: int, last: Collection[Node]) -> None:
        self._units, self._most_nodes, self._last = units, most_nodes, last
        self._places: dict[int, list[int]] = {}  # indices of groups in `units`, by size

    def note(self, at: int) -> None:
        """Add a unit if it is a group; add it again under its new size once it has a reduction."""
        group = self._units[at]
        if isinstance(group, Group):
            for size in {group.space.size, group.space.n_kept}:
                places = self._places.setdefault(size, [])
                i = bisect_left(places, at)
                if places[i : i + 1] != [at]:
                    places.insert(i, at)

    def join(self, node: Node, first: int) -> int | None:
        """Add an operation to a group at index `first` or later; return the group's index."""
        places = self._places.get(_n_numbers(node), [])
        for at in places[bisect_left(places, first) :]:
            group = self._units[at]
            was_settled = group.settled
            if group.join(node):
                if group.settled and not was_settled:
                    self.note(at)
                if len(group.nodes) == self._most_nodes or node in self._last:
                    self._close(at)
                return at
        return None

    def _close(self, at: int) -> None:
        space = self._units[at].space
        for size in {space.size, space.n_kept}:
            self._places[size] = [place for place in self._places[size] if place != at]


def _n_numbers(node: Node) -> int:
    return (node.args[0] if node.op in REDUCERS else node.output).size


def stored_values(graph: Graph, units: Sequence[Node | Group]) -> dict[int, list[Value]]:
    """Return for each group, by its id, the values that are read outside of it."""
    wanted = {id(v.root) for v in graph.wanted()}
    readers: dict[int, set[int]] = {}
    for unit in units:
        for node in unit.nodes if isinstance(unit, Group) else [unit]:
            for value in node.inputs:
                readers.setdefault(id(value.root), set()).add(id(unit))
    return {
        id(unit): [
            node.output
            for node in unit.nodes
            if id(node.output) in wanted or readers.get(id(node.output), set()) - {id(unit)}
        ]
        for unit in units
        if isinstance(unit, Group)
    }
