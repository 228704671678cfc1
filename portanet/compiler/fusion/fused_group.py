"""Group: operations that become one kernel, over the same numbers.

Softmax of x (64, 20) along its rows, operation by operation:

    operation          result     the group afterwards
    m = max(x, 1)      (64, 1)    n_kept 64, n_reduced 20; m is reduced
    d = x - m          (64, 20)   d is full; it reads m broadcast along j
    e = exp(d)         (64, 20)   e is full
    s = sum(e, 1)      (64, 1)    same space: s is reduced
    p = e / s          (64, 20)   p is full; all five operations are one kernel

A group starts with one operation. Until there is a reduction all axes are kept; the first reduction
determines which are reduced. An operation joins if its output is full or reduced in that space, and
if element [k, j] depends only on elements [k, j] and [k] of the group's other values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from portanet.compiler.fusion.indexing import (
    axes_of_full,
    axes_of_reduced,
    is_full,
    is_reduced,
    is_reduced_in_full,
    shows_all,
)
from portanet.compiler.fusion.space import Space, space_of
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.operations import REDUCERS


@dataclass(eq=False)
class Group:
    """Operations of one kernel, in order, and its iteration space.

    settled  a reduction has determined the kept and the reduced axes
    reduced  the ids of the reduced values; all others are full
    inside   the ids of all values that the kernel computes
    """

    nodes: list[Node]
    space: Space
    settled: bool = False
    reduced: set[int] = field(default_factory=set)
    inside: set[int] = field(default_factory=set)

    def join(self, node: Node) -> bool:
        """Add an operation if it fits; return whether it does."""
        if node.op not in REDUCERS or self.settled:
            return self._take(node)
        space = _space(node)
        return space.size == self.space.size and self._settle(space, node)

    def _take(self, node: Node) -> bool:
        out = id(node.output)
        if makes_reduced(node, self.reduced, self.space):
            self.reduced.add(out)
        if not self._fits(node):
            self.reduced.discard(out)
            return False
        self.nodes.append(node)
        self.inside.add(out)
        return True

    def _settle(self, space: Space, node: Node) -> bool:
        """Change to the space of a first reduction, if all operations so far fit into it."""
        settled = Group([], space, True)
        if not all(settled._take(n) for n in (*self.nodes, node)):
            return False
        self.nodes, self.space, self.settled = settled.nodes, space, True
        self.reduced, self.inside = settled.reduced, settled.inside
        return True

    def _fits(self, node: Node) -> bool:
        """Return whether an operation can be computed in this space."""
        out, space = node.output, self.space
        if node.op in REDUCERS:
            value = node.args[0]
            return _space(node).is_like(space) and self._finds(value, value.shape, full=True)
        full = id(out) not in self.reduced
        if out.size != (space.size if full else space.n_kept):
            return False
        if full and space.reduces(out.shape) is None:
            return False
        return all(self._finds(value, out.shape, full=full) for value in node.inputs)

    def _finds(self, value: Value, shape: tuple[int, ...], *, full: bool) -> bool:
        """Return whether the element of `value` that an output of a shape needs is at hand."""
        root, space = value.root, self.space
        if id(root) not in self.inside:
            return (axes_of_full if full else axes_of_reduced)(value, shape, space) is not None
        if not shows_all(value):
            return False
        if id(root) in self.reduced:
            return (is_reduced_in_full if full else is_reduced)(value, shape, space)
        return full and is_full(value, shape, space)


def start(node: Node) -> Group | None:
    """Return a group of one operation, None if it has no iteration space."""
    reduction = node.op in REDUCERS
    space = _space(node) if reduction else Space(node.output.size, 1)
    group = Group([], space, reduction)
    return group if group.join(node) else None


def makes_reduced(node: Node, reduced: set[int], space: Space) -> bool:
    """Return whether an operation's output is reduced, given the reduced values before it."""
    if node.op in REDUCERS:
        return True
    if node.output.size != space.n_kept:
        return False
    return space.n_reduced > 1 or any(id(v.root) in reduced for v in node.inputs)


def reduced_values(nodes: Sequence[Node], space: Space) -> set[int]:
    """Return the ids of the reduced values that operations compute."""
    reduced: set[int] = set()
    for node in nodes:
        if makes_reduced(node, reduced, space):
            reduced.add(id(node.output))
    return reduced


def _space(reduction: Node) -> Space:
    return space_of(reduction.args[0].shape, reduction.options.get("axis"))
