"""When compiling has paid: a rule over the graph, so that the same script gives the same bits.

A clock would switch at another step each time, and what is compiled rounds otherwise. So the
seconds that compiling takes and those that it saves in a step are estimated, from what was measured
on one core: a kernel takes some 40 ms to compile, LLVM's start and the plan's verification 200; an
operation of NumPy takes 0.5 µs longer than the same in a kernel, and 0.05 ns more for each byte
that it reads or writes.
"""

from math import ceil

from portanet.compiler.graph.graph import Graph, Node

_START, _A_KERNEL = 0.2, 0.04  # seconds
_A_CALL, _A_BYTE = 0.5e-6, 0.05e-9
_OPERATIONS = 3  # of different kinds, for each kernel


def steps_until_it_pays(graph: Graph) -> int:
    """Return after how many steps a compiled plan has saved what compiling takes."""
    nodes = [node for node in graph.nodes if not node.is_view]
    kinds = {(node.op, *(len(value.shape) for value in node.inputs)) for node in nodes}
    compiling = _START + _A_KERNEL * len(kinds) / _OPERATIONS
    saved = sum(_A_CALL + _A_BYTE * _n_bytes(node) for node in nodes)
    return ceil(compiling / saved) if nodes else 0


def _n_bytes(node: Node) -> int:
    """Return what an operation reads and writes; products are as fast in NumPy."""
    if node.op == "matmul":
        return 0
    return sum(value.n_bytes for value in (*node.inputs, *node.outputs))
