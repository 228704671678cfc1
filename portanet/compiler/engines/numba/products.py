"""Matrix products as BLAS calls in the source of a compiled plan."""

from collections.abc import Callable
from itertools import pairwise
from math import prod

from portanet.compiler.graph.graph import Node, Value

Matrix = tuple[bool, int]  # is it stored transposed, and its leading dimension


def gemm_lines(
    node: Node,
    address: Callable[[Value, list[tuple[int, str]]], str],
    library: Callable[[int, int, int, str], str],
) -> list[str]:
    """Return the lines of a product; [] if the BLAS does not support its strides.

    `address(value, offsets)` returns the text of a value's address plus numbers times variables;
    `library(m, n, k, dtype)` the name of the BLAS for such matrices.
    """
    a, b, out = node.args[0], node.args[1], node.output
    if not (isinstance(a, Value) and isinstance(b, Value)) or min(len(a.shape), len(b.shape)) < 2:
        return []
    if str(out.dtype) not in ("float32", "float64") or not a.dtype == b.dtype == out.dtype:
        return []
    if out.size == 0 or a.shape[-1] == 0:
        return []
    batch = out.shape[:-2]
    if _is_one_product(a, b, out):
        rows = prod(out.shape[:-1])
        matrices = _matrix(a, rows), _matrix(b), _matrix(out, rows)
        batch = ()
    else:
        rows = out.shape[-2]
        matrices = _matrix(a), _matrix(b), _matrix(out)
    left, right, result = matrices
    if left is None or right is None or result is None or result[0]:
        return []
    lines, indent = [], ""
    variables = [f"b{i}" for i in range(len(batch))]
    for variable, n in zip(variables, batch, strict=True):
        lines.append(f"{indent}for {variable} in range({n}):")
        indent += "    "
    places = [address(v, _offsets(v, batch, variables)) for v in (a, b, out)]
    blas = library(rows, out.shape[-1], a.shape[-1], str(out.dtype))
    sizes = f"{rows}, {out.shape[-1]}, {a.shape[-1]}"
    lines.append(
        f"{indent}gemm_{blas}_{out.dtype}({left[0]}, {right[0]}, {sizes}, "
        f"one_{out.dtype}, {places[0]}, {left[1]}, {places[1]}, {right[1]}, "
        f"zero_{out.dtype}, {places[2]}, {result[1]})"
    )
    return lines


def _is_one_product(a: Value, b: Value, out: Value) -> bool:
    """Return whether a batch of matrices is contiguous: one matrix with the rows of all."""
    if any(b.strides[:-2]) or len(a.shape) != len(out.shape) or len(a.shape) == 2:
        return False
    return a.shape[:-1] == out.shape[:-1] and _one_axis(a) and _one_axis(out)


def _one_axis(value: Value) -> bool:
    """Return whether all axes but the last can be merged into one."""
    if value.shape[-1] > 1 and value.strides[-1] != value.dtype.itemsize:
        return False
    long = [(n, s) for n, s in zip(value.shape[:-1], value.strides[:-1], strict=True) if n > 1]
    return all(outer[1] == inner[0] * inner[1] for outer, inner in pairwise(long))


def _matrix(value: Value, rows: int | None = None) -> Matrix | None:
    """Return a matrix's transposition and leading dimension; None if it has none."""
    item, n_columns = value.dtype.itemsize, value.shape[-1]
    n_rows = value.shape[-2] if rows is None else rows
    down, along = value.strides[-2], value.strides[-1]
    if rows is not None:  # the stride of the innermost axis that is longer than 1
        down = next(
            (s for n, s in zip(value.shape[-2::-1], value.strides[-2::-1], strict=True) if n > 1), 0
        )
    if along == item or n_columns == 1:
        step = down // item if n_rows > 1 else n_columns
        fits = down % item == 0 and step >= n_columns
        return (False, step) if fits else None
    if down == item or n_rows == 1:
        step = along // item
        return (True, step) if along % item == 0 and step >= n_rows else None
    return None


def _offsets(value: Value, batch: tuple[int, ...], variables: list[str]) -> list[tuple[int, str]]:
    own = value.strides[:-2] if batch else ()
    names = variables[len(batch) - len(own) :]
    return [(s, v) for s, v in zip(own, names, strict=True) if s]
