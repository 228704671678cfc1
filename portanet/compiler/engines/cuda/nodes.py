"""Single operations as CUDA text."""

from typing import Any

import numpy as np

from portanet.compiler.engines.cuda.text import C_TYPES, template
from portanet.compiler.fusion.operands import operands, promoted
from portanet.compiler.graph.graph import Node
from portanet.compiler.graph.operations import ELEMENTWISE, REDUCERS

MOST_NODES = 64  # in a kernel: its parameters must fit into 4 KiB


def has_text(node: Node) -> bool:
    """Return whether an operation can be written as CUDA text."""
    if len(node.outputs) != 1 or node.output.size == 0 or not _known(node):
        return False
    if node.op in REDUCERS:
        return set(node.options) <= {"axis", "keepdims"} and len(node.args) == 1
    if node.op == "astype":
        return len(node.args) == 2 and not set(node.options) - {"copy"}
    elementwise = node.op in ELEMENTWISE or node.op.startswith("kernel:")
    return elementwise and not node.options and node_text(node) is not None


def node_text(node: Node) -> tuple[str, list[Any]] | None:
    """Return an operation's text, and the dtype that each operand takes on; None without text."""
    dtype, args = node.output.dtype, operands(node)
    if node.op == "where":
        return "{0} ? {1} : {2}", [np.dtype("bool"), dtype, dtype]
    if node.op == "astype":
        return "{0}", [dtype]
    numbers = [a if isinstance(a, int | float) else None for a in args]
    found = template(node.op, numbers, dtype, promoted(node))
    return None if found is None else (found[0], [found[1]] * len(args))


def _known(node: Node) -> bool:
    """Return whether kernels support the dtypes of all inputs and outputs."""
    dtypes = [v.dtype for v in (*node.inputs, *node.outputs)]
    return all(isinstance(dtype, np.dtype) and str(dtype) in C_TYPES for dtype in dtypes)
