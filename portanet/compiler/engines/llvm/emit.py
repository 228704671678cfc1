"""Fused loops as text of the kernel language: element-wise operations and reductions.

There is one loop over j for each reduction that depends on another, and outputs are stored in the
last one, after all reads. Softmax of the rows of x1, into x3:

    def kernel(n0: i8, x1: f4[:], s2: i8, x3: f4[:]):
        for k0 in range(first, last):
            t1 = f4(-inf)
            for j0 in unmasked(n0):
                e2 = x1[s2 * k0 + j0]
                t1 = maximum(t1, e2)
            t3 = f4(0.0)
            for j0 in parallel(n0):
                e4 = x1[s2 * k0 + j0]
                v5 = (e4 - t1)
                v6 = exp32(v5)
                t3 = add(t3, v6)
                x3[s2 * k0 + j0] = v6
            for j0 in unmasked(n0):
                v7 = x3[s2 * k0 + j0]
                v8 = (v7 / t3)
                x3[s2 * k0 + j0] = v8

The exponentials are kept where the result will be (kept.py). The outer loop over k goes from
`first` to `last`, which each call says: threads may share it. If the reduced axes come first, the
loop over j is outermost and partial results are kept in memory: the sum of squares of x3 over its
first axis is

    for k0 in unmasked(first, last):
        x1[k0] = f4(0.0)
    for j0 in range(n2):
        for k0 in unmasked(first, last):
            e1 = x3[k0 + s4 * j0]
            v2 = (e1 * e1)
            x1[k0] = x1[k0] + v2

How: rows.py and columns.py. Sums of more than some hundred numbers are cut into blocks: blocks.py.
"""

from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.columns import Columns
from portanet.compiler.engines.llvm.group import GroupText
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.engines.llvm.lines import kernel_text
from portanet.compiler.engines.llvm.rows import Rows
from portanet.compiler.engines.llvm.text import TextOf
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Value
from portanet.compiler.graph.operations import REDUCERS


def group_kernel(unit: Unit, arguments: Arguments, text_of: TextOf) -> Kernel:
    """Return the kernel of a group."""
    assert unit.group is not None  # single operations are written elsewhere
    loops = (Rows if unit.group.space.rows else Columns)(unit, arguments, text_of)
    text = kernel_text(arguments, loops.lines())
    length, size = loops.kept_lengths[0] if loops.kept_lengths else 0, unit.group.space.size
    return Kernel(text, arguments.table, kept=loops.memory, length=length, size=size)


def fits(unit: Unit) -> bool:
    """Return whether one loop nest suits all arrays of a group."""
    return GroupText(unit, Arguments(lambda value: 0, lambda scalar, dtype: 0)).fits  # noqa: ARG005


def stored_sums(unit: Unit) -> list[Value]:
    """Return the sums of a group that are not outputs, but that Columns keeps in memory."""
    sums = [node.output for node in unit.nodes if node.op in REDUCERS]
    return [value for value in sums if value not in unit.outputs]
