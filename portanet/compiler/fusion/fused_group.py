"""Which operations of a graph become one kernel.

An operation joins the first kernel that runs after its arguments are made, and over the same
numbers. So a bias gradient, which sums over the batch, is summed in the kernel that makes what is
summed, even where a product of matrices was written in between.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from portanet.compiler.fusion.indexing import (
    Space,
    is_kept,
    is_kept_alone,
    is_whole,
    narrow_axes,
    shows_all,
    space_of,
    wide_axes,
)
from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.graph.operations import REDUCERS


@dataclass(eq=False)
class Group:
    """Operations of one kernel, in order, and the numbers that it runs over."""

    nodes: list[Node]
    space: Space
    fixed: bool = False  # a reduction has settled what is kept and what is reduced
    narrow: set[int] = field(default_factory=set)
    inside: set[int] = field(default_factory=set)

    def join(self, node: Node) -> bool:
        """Take in one operation more; return False if they do not go together."""
        if node.op not in REDUCERS or self.fixed:
            return self._take(node)
        space = _space(node)
        return space.size == self.space.size and self._turn(space, node)

    def _take(self, node: Node) -> bool:
        out = id(node.output)
        if is_narrow(node, self.narrow, self.space):
            self.narrow.add(out)
        if not _fits(node, self.narrow, self.inside, self.space):
            self.narrow.discard(out)
            return False
        self.nodes.append(node)
        self.inside.add(out)
        return True

    def _turn(self, space: Space, node: Node) -> bool:
        """Run over the same numbers as a first reduction wants them, if all can."""
        turned = Group([], space, True)
        if not all(turned._take(n) for n in (*self.nodes, node)):
            return False
        self.nodes, self.space, self.fixed = turned.nodes, space, True
        self.narrow, self.inside = turned.narrow, turned.inside
        return True


def start(node: Node) -> Group | None:
    """Return a group of one operation, None if it does not run over one set of numbers."""
    reduction = node.op in REDUCERS
    space = _space(node) if reduction else Space(node.output.size, 1)
    group = Group([], space, reduction)
    return group if group._take(node) else None


def _space(reduction: Node) -> Space:
    return space_of(reduction.args[0].shape, reduction.options.get("axis"))


def _fits(node: Node, narrow: set[int], inside: set[int], space: Space) -> bool:
    out = node.output
    if node.op in REDUCERS:
        value, own = node.args[0], _space(node)
        return _alike(own, space) and _reads(value, value.shape, False, narrow, inside, space)
    thin = id(out) in narrow
    if out.size != (space.kept if thin else space.size):
        return False
    if not thin and space.reduced_axes(out.shape) is None:
        return False
    return all(_reads(v, out.shape, thin, narrow, inside, space) for v in node.inputs)


def _alike(a: Space, b: Space) -> bool:
    """Return whether two reductions keep and reduce the same numbers, in the same order."""
    if (a.kept, a.reduced, a.mixed) != (b.kept, b.reduced, b.mixed):
        return False
    return a.rows == b.rows or bool(a.mixed) or 1 in (a.kept, a.reduced)


def _reads(
    value: Value,
    shape: tuple[int, ...],
    thin: bool,
    narrow: set[int],
    inside: set[int],
    space: Space,
) -> bool:
    """Return whether a kernel finds the numbers of a value that it works on."""
    root = value.root
    if id(root) not in inside:
        return (narrow_axes if thin else wide_axes)(value, shape, space) is not None
    if not shows_all(value):
        return False
    if id(root) in narrow:
        return (is_kept_alone if thin else is_kept)(value, shape, space)
    return not thin and is_whole(value, shape, space)


def group_nodes(
    nodes: Iterable[Node], has_text: Callable[[Node], bool], most_nodes: int
) -> list[Node | Group]:
    """Return operations in an order in which they may be done, kernels in the place of some.

    `has_text(node)` says whether an operation can be written in a kernel's language.
    """
    units: list[Any] = []
    open_groups = _OpenGroups(units, most_nodes)
    made: dict[int, int] = {}  # where in `units` a value is made
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
    """The groups that take in more operations, by how many numbers they have at a time.

    An operation on 64 x 20 numbers is offered to groups over 1280 numbers, and to those that keep
    so many, not to all there are: planning would take the square of a network's length.
    """

    def __init__(self, units: list[Any], most_nodes: int) -> None:
        self._units, self._most_nodes = units, most_nodes
        self._places: dict[int, list[int]] = {}  # by size, where the groups stand in `units`

    def note(self, at: int) -> None:
        """Take in a unit, if it is a group; or take it in again, once it reduces numbers."""
        group = self._units[at]
        if isinstance(group, Group):
            for size in {group.space.size, group.space.kept}:
                places = self._places.setdefault(size, [])
                i = bisect_left(places, at)
                if places[i : i + 1] != [at]:
                    places.insert(i, at)

    def join(self, node: Node, first: int) -> int | None:
        """Let an operation join a group that stands at `first` or later; return where it is."""
        places = self._places.get(_n_numbers(node), [])
        for at in places[bisect_left(places, first) :]:
            group = self._units[at]
            was_fixed = group.fixed
            if group.join(node):
                if group.fixed and not was_fixed:
                    self.note(at)
                if len(group.nodes) == self._most_nodes:
                    self._close(at)
                return at
        return None

    def _close(self, at: int) -> None:
        space = self._units[at].space
        for size in {space.size, space.kept}:
            self._places[size] = [place for place in self._places[size] if place != at]


def _n_numbers(node: Node) -> int:
    return (node.args[0] if node.op in REDUCERS else node.output).size


def stored_values(graph: Graph, units: Sequence[Node | Group]) -> dict[int, list[Value]]:
    """Return, for each group by its id, the values that are read outside of it."""
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


def is_narrow(node: Node, narrow: set[int], space: Space) -> bool:
    """Return whether an operation makes one number for each kept one, after those in `narrow`."""
    if node.op in REDUCERS:
        return True
    follows = any(id(v.root) in narrow for v in node.inputs)
    return node.output.size == space.kept and (space.reduced > 1 or follows)
