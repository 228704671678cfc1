"""Sums over segments, the gradient of an embedding, as a kernel of a plan.

Long sums are added in blocks of rows (see blocks.py), each of which goes over all segments twice
more: so a block has at least as many rows as there are segments.
"""

from collections.abc import Callable

import numpy as np

from portanet.backends._llvm.files import table_of, text_of
from portanet.compiler.engines.llvm.blocks import block_length
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.graph.graph import Node, Value


def segment_kernels(node: Node, find: Callable[[Value], np.ndarray]) -> list[Kernel] | None:
    """Return the kernel of a sum over segments, None for anything else."""
    if node.op != "kernel:segment_sum" or not all(isinstance(v, Value) for v in node.args[:2]):
        return None
    total, values, indices = arrays = [find(v) for v in (node.output, *node.args[:2])]
    dtype = total.dtype.name
    if values.dtype != total.dtype or dtype not in ("float32", "float64"):
        return None
    if indices.dtype != np.int64 or any(not a.flags.c_contiguous for a in arrays):
        return None
    n, n_rows, name, more = len(total), len(values), "segment_sum", []
    block = max(block_length(n_rows), n)
    if block < n_rows:
        name, more = "segment_sum_in_blocks", [np.empty_like(total), block]
    table = table_of([*arrays, n, *values.shape, *more])
    return [Kernel(text_of("loops_segments", dtype), table, name, arrays + more[:1])]
