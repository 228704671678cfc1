"""Products with a vector, rewritten as multiplications and sums, which fuse with their neighbours.

    (n, k) @ (k, 1)   a sum for each row      sum(a * bᵀ, axis=1)
    (1, k) @ (k, m)   a sum for each column   sum(aᵀ * b, axis=0)
    (n, 1) @ (1, m)   no sum at all           a * b

A call of the BLAS costs more than all of a small product of this kind, and its result must go
through memory: so the last layer of a network with one output becomes a part of the loops before
and after it. Larger sums are the BLAS's.
"""

import numpy as np

from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.memory.strides import compact_strides

_MOST = 2**14  # multiplications: below, the call itself is what costs


def without_vector_products(graph: Graph) -> set[Node]:
    """Rewrite a graph's small products with vectors, in place; return the sums of rows.

    What follows such a sum is one number for each row, and would be computed number by number in
    the rows' loop: each is to be the last operation of its kernel.
    """
    old = {id(node) for node in graph.nodes}
    graph.nodes = [new for node in graph.nodes for new in _rewritten(node)]
    sums = (node for node in graph.nodes if node.op == "sum" and id(node) not in old)
    return {node for node in sums if node.options["axis"] == 1}


def _rewritten(node: Node) -> list[Node]:
    if not _suits(node):
        return [node]
    (a, b), out = node.args, node.output
    if a.shape[1] == 1:
        out.node = Node("multiply", np.multiply, (a, b), {}, [out], node.place, 2 * out.size)
        return [out.node]
    if a.shape[0] * b.size > _MOST or min(out.shape) > 1:
        return [node]
    return _sums(node, a, b, 1) if out.shape[1] == 1 else _sums(node, b, a, 0)


def _suits(node: Node) -> bool:
    if node.op != "matmul" or node.is_view or len(node.args) != 2 or node.options:
        return False
    a, b, out = *node.args, node.output
    if not (isinstance(a, Value) and isinstance(b, Value) and len(a.shape) == len(b.shape) == 2):
        return False
    return a.dtype == b.dtype == out.dtype and out.dtype.kind == "f" and a.size * b.size > 0


def _sums(node: Node, matrix: Value, vector: Value, axis: int) -> list[Node]:
    """Return a matrix times a vector as sums along an axis of the matrix, as it lies in memory.

    `vector` is a row beside sums of columns, and a column beside sums of rows; it is turned, or the
    matrix is, if its rows are what is contiguous then.
    """
    out, place = node.output, node.place
    if matrix.strides[0] < matrix.strides[1]:
        turn = _turn(matrix, place)
        axis, matrix = 1 - axis, turn.output
    else:
        turn = _turn(vector, place)
        vector = turn.output
    full = Value("node", matrix.shape, matrix.dtype, (0, 0))
    full.strides = compact_strides(full)
    full.node = Node("multiply", np.multiply, (matrix, vector), {}, [full], place)
    total, options = out, {"axis": axis, "keepdims": True}
    if (out.shape[1] == 1) != (axis == 1):
        total = Value("node", out.shape[::-1], out.dtype, out.strides[::-1])
    total.node = Node("sum", np.sum, (full,), options, [total], place, 2 * full.size)
    nodes = [turn, full.node, total.node]
    return nodes if total is out else [*nodes, _turn(total, place, out)]


def _turn(value: Value, place: str, out: Value | None = None) -> Node:
    """Return the operation that makes a matrix's transpose, which is `out` if that is given."""
    shape, strides = value.shape[::-1], value.strides[::-1]
    turned = Value("node", shape, value.dtype, strides) if out is None else out
    turned.base = value
    turned.node = Node("matrix_transpose", np.transpose, (value,), {}, [turned], place)
    return turned.node
