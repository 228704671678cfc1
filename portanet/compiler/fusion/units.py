"""Units: the steps of a plan, each a single operation or a fused group."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from portanet.compiler.fusion.fused_group import Group
from portanet.compiler.fusion.grouping import group_nodes, stored_values
from portanet.compiler.fusion.indexing import is_full
from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.graph.operations import ELEMENTWISE, REDUCERS


@dataclass(eq=False)
class Unit:
    """One operation (`group` is None), or several fused into one kernel.

    inputs   the values that it reads, with repetitions
    outputs  the values that it stores
    """

    nodes: list[Node]
    inputs: list[Value]
    outputs: list[Value]
    group: Group | None = None

    @property
    def single(self) -> Node | None:
        """The operation, if it is not a group."""
        return self.nodes[0] if self.group is None else None

    def reads_alike(self, value: Value, out: Value) -> bool:
        """Return whether element i of a value is read only where element i of `out` is written."""
        if self.single is not None:
            return _reads_alike(self.single, value, out)
        return self.group is not None and _group_reads_alike(self.group, value, out)


def single_units(graph: Graph) -> list[Unit]:
    """Return a unit for each operation that is not a view."""
    return [unit_of(node) for node in graph.nodes if not node.is_view]


def fused_units(
    graph: Graph,
    has_text: Callable[[Node], bool],
    most_nodes: int,
    fits: Callable[[Unit], bool] = lambda unit: True,  # noqa: ARG005 - a group takes in what fits
    last: Collection[Node] = (),
) -> list[Unit]:
    """Return units of fused groups, where operations can be written in the kernel's language.

    The operations in `last` are the last ones of their groups.
    """
    found: Sequence[Node | Group] = group_nodes(graph.nodes, has_text, most_nodes, last)
    stored = stored_values(graph, found)
    units: list[Unit] = []
    for item in found:
        unit = unit_of(item, stored.get(id(item), ()))
        units += [unit] if unit.group is None or fits(unit) else map(unit_of, unit.nodes)
    return units


def unit_of(item: Node | Group, stored: Sequence[Value] = (), kind: type[Unit] = Unit) -> Unit:
    """Return a unit of an operation, or of a group that stores `stored`."""
    if isinstance(item, Node):
        return kind([item], item.inputs, item.outputs)
    inside = {id(node.output) for node in item.nodes}
    inputs = [v for node in item.nodes for v in node.inputs if id(v.root) not in inside]
    return kind(item.nodes, inputs, list(stored), item)


def _reads_alike(node: Node, value: Value, out: Value) -> bool:
    if node.op not in ELEMENTWISE or value.shape != out.shape:
        return False
    if node.op == "where" and value not in node.args[2:]:
        return False
    return all(v is value for v in node.inputs if v.root is value.root)


def _group_reads_alike(group: Group, value: Value, out: Value) -> bool:
    """Return whether element i of `value` is read only where element i of `out` is written.

    A kernel stores an element at the end, after all its reads of that element.
    """
    if id(out) in group.reduced or not is_full(out, out.shape, group.space):
        return False
    for node in group.nodes:
        if not all(_at_its_place(group, node, v) for v in node.inputs if v.root is value.root):
            return False
    return all(v is value for n in group.nodes for v in n.inputs if v.root is value.root)


def _at_its_place(group: Group, node: Node, value: Value) -> bool:
    if node.op in REDUCERS:
        return is_full(value, value.shape, group.space)
    reduced = id(node.output) in group.reduced
    return not reduced and is_full(value, node.output.shape, group.space)
