"""Units of a graph for CUDA."""

from portanet.compiler.engines.cuda.emit_long import parts_of
from portanet.compiler.engines.cuda.nodes import MOST_NODES, has_text
from portanet.compiler.fusion.fused_group import Group
from portanet.compiler.fusion.grouping import group_nodes, stored_values
from portanet.compiler.fusion.units import Unit, unit_of
from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.graph.operations import REDUCERS


class CudaUnit(Unit):
    """A unit whose reduced outputs, too, may overwrite inputs that are read element by element.

    A kernel stores reduced outputs last, after all reads of its block.
    """

    def reads_alike(self, value: Value, out: Value) -> bool:
        """Return whether element i of a value is read only where element i of `out` is written."""
        if self.group is None or id(out) not in self.group.reduced:
            return super().reads_alike(value, out)
        if (value.shape, value.strides) != (out.shape, out.strides):
            return False
        for node in self.nodes:
            reduced = node.op not in REDUCERS and id(node.output) in self.group.reduced
            for read in node.inputs:
                at_its_place = read is value and reduced and node.output.shape == out.shape
                if read.root is value.root and not at_its_place:
                    return False
        return True


def cuda_units(graph: Graph) -> list[Unit]:
    """Return units of a graph, fused where operations can be written as CUDA text."""
    found: list[Node | Group] = []
    for item in group_nodes(graph.nodes, has_text, MOST_NODES):
        found += parts_of(item) if isinstance(item, Group) else [item]
    stored = stored_values(graph, found)
    return [unit_of(item, stored.get(id(item), ()), CudaUnit) for item in found]
