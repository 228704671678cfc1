"""Matrix products as kernels that call the BLAS."""

from itertools import pairwise
from math import prod

from portanet.backends._numpy.blas import Blas
from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.lines import kernel_text
from portanet.compiler.graph.graph import Node, Value

Matrix = tuple[bool, int]  # is it stored transposed, and its leading dimension
Matrices = tuple[Matrix, Matrix, Matrix]


def product_text(node: Node, arguments: Arguments, blas: Blas) -> str:
    """Return the kernel of a product; "" if the BLAS does not support its dtype or strides.

    Of a batch of matrices each is multiplied, unless they lie so that they are one.
    """
    if not _suits(node):
        return ""
    a, b, out = node.args[0], node.args[1], node.output
    together = _is_one_product(a, b, out)
    matrices = _matrices(a, b, out, together)
    if matrices is None:
        return ""
    batch = () if together else out.shape[:-2]
    rows = prod(out.shape[:-1]) if together else out.shape[-2]
    call = _call(arguments, blas, (a, b, out), matrices, (rows, out.shape[-1], a.shape[-1]), batch)
    heads = [
        f"{'    ' * i}for b{i} in range({arguments.length(f'b{i}', n)}):"
        for i, n in enumerate(batch)
    ]
    return kernel_text(arguments, [*heads, "    " * len(batch) + call])


def _suits(node: Node) -> bool:
    a, b, out = node.args[0], node.args[1], node.output
    if not (isinstance(a, Value) and isinstance(b, Value)) or min(len(a.shape), len(b.shape)) < 2:
        return False
    if str(out.dtype) not in ("float32", "float64") or not a.dtype == b.dtype == out.dtype:
        return False
    return out.size > 0 and a.shape[-1] > 0


def _call(
    arguments: Arguments, blas: Blas, values: tuple[Value, Value, Value], matrices: Matrices,
    sizes: tuple[int, int, int], batch: tuple[int, ...],
) -> str:  # fmt: skip
    """Return the line that calls the BLAS."""
    address = blas.gemm[str(values[2].dtype)]
    places = [_place(value, batch, arguments) for value in values]
    orders = [arguments.integer(f"t{i}", int(matrices[i][0])) for i in (0, 1)]
    lengths = [arguments.integer(f"d{i}", n) for i, n in enumerate(sizes)]
    steps = [arguments.integer(f"ld{i}", step) for i, (_, step) in enumerate(matrices)]
    first = [arguments.integer("blas", address), *orders, *lengths]
    rest = ["1", places[0], steps[0], places[1], steps[1], "0", places[2], steps[2]]
    return f"gemm{blas.integer}({', '.join(first + rest)})"


def _place(value: Value, batch: tuple[int, ...], arguments: Arguments) -> str:
    """Return the text of a matrix's address."""
    own = [s // value.dtype.itemsize for s in value.strides[:-2]] if batch else []
    first = len(batch) - len(own)
    terms = [
        f" + {arguments.stride(f'b{first + i}', stride)} * b{first + i}"
        for i, stride in enumerate(own)
        if stride
    ]
    return "".join([arguments.array(value), *terms])


def _matrices(a: Value, b: Value, out: Value, together: bool) -> Matrices | None:
    rows = prod(out.shape[:-1]) if together else None
    left, right, result = _matrix(a, rows), _matrix(b), _matrix(out, rows)
    if left is None or right is None or result is None or result[0]:
        return None
    return left, right, result


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
