"""Matrix products as kernels that call the BLAS, large ones in parts that threads share."""

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from portanet.backends._numpy.blas import Blas
from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.engines.llvm.lines import INDENT, kernel_text
from portanet.compiler.graph.graph import Node, Value

Matrix = tuple[bool, int]  # is it stored transposed, and its leading dimension
Matrices = tuple[Matrix, Matrix, Matrix]

_A_THREADS = 2**20  # multiplications that are worth a thread of their own
_COLUMNS = 16  # of which a part has a multiple: as many as a register holds


@dataclass(frozen=True)
class Parts:
    """The parts of a result (m, n) that are multiplied one by one: some rows, or some columns."""

    n_parts: int
    axis: int
    size: int


def product_kernel(
    node: Node, arguments: Arguments, blas: Blas, n_threads: int = 1
) -> Kernel | None:
    """Return the kernel of a product; None if the BLAS does not support its dtype or strides.

    Of a batch of matrices each is multiplied, unless they lie so that they are one. `n_threads` are
    those that may share a large one.
    """
    if not _suits(node):
        return None
    a, b, out = node.args[0], node.args[1], node.output
    together = _is_one_product(a, b, out)
    matrices = _matrices(a, b, out, together)
    if matrices is None:
        return None
    batch = () if together else out.shape[:-2]
    rows = prod(out.shape[:-1]) if together else out.shape[-2]
    sizes = (rows, out.shape[-1], a.shape[-1])
    n_threads = min(n_threads, max(1, prod(batch) * prod(sizes) // _A_THREADS))
    parts = _parts(sizes, 1 if batch else n_threads)
    call = _call(arguments, blas, (a, b, out), matrices, sizes, batch, parts)
    lengths = [arguments.length(f"b{i}", n) for i, n in enumerate(batch)]
    heads = [f"for b{i} in range({n if i else 'first, last'}):" for i, n in enumerate(lengths)]
    lines = [*(heads or ["for p in range(first, last):"]), call]
    text = kernel_text(arguments, [INDENT * i + line for i, line in enumerate(lines)])
    length = batch[0] if batch else parts.n_parts
    return Kernel(text, arguments.table, length=length, n_chunks=min(length, n_threads))


def _parts(sizes: tuple[int, int, int], n_threads: int) -> Parts:
    """Return the parts for some threads: of the longer axis, so that less is read twice."""
    axis = 0 if sizes[0] >= sizes[1] else 1
    size = sizes[axis]
    if n_threads > 1:
        size = -(-size // n_threads)
        size += -size % _COLUMNS
    return Parts(-(-sizes[axis] // size), axis, size)


def _suits(node: Node) -> bool:
    a, b, out = node.args[0], node.args[1], node.output
    if not (isinstance(a, Value) and isinstance(b, Value)) or min(len(a.shape), len(b.shape)) < 2:
        return False
    if str(out.dtype) not in ("float32", "float64") or not a.dtype == b.dtype == out.dtype:
        return False
    return out.size > 0 and a.shape[-1] > 0


def _call(
    arguments: Arguments, blas: Blas, values: tuple[Value, Value, Value], matrices: Matrices,
    sizes: tuple[int, int, int], batch: tuple[int, ...], parts: Parts,
) -> str:  # fmt: skip
    """Return the line that calls the BLAS: for matrices of a batch, or for part p of one."""
    address = blas.gemm[str(values[2].dtype)]
    places = [_place(value, batch, arguments) for value in values]
    orders = [arguments.integer(f"t{i}", int(matrices[i][0])) for i in (0, 1)]
    lengths = [arguments.integer(f"d{i}", n) for i, n in enumerate(sizes)]
    steps = [arguments.integer(f"ld{i}", step) for i, (_, step) in enumerate(matrices)]
    if not batch:
        moves = _moves(matrices, parts)
        places = [f"{x} + p * {arguments.integer(f'm{i}', moves[i])}" for i, x in enumerate(places)]
        for i in (0, 1):
            most = arguments.integer(f"w{i}", parts.size if i == parts.axis else sizes[i])
            done = arguments.integer(f"s{i}", parts.size if i == parts.axis else 0)
            lengths[i] = f"smaller({most}, {lengths[i]} - p * {done})"
    first = [arguments.integer("blas", address), *orders, *lengths]
    rest = ["1", places[0], steps[0], places[1], steps[1], "0", places[2], steps[2]]
    return f"gemm{blas.integer}({', '.join(first + rest)})"


def _moves(matrices: Matrices, parts: Parts) -> list[int]:
    """Return how many numbers lie between two parts, in each of the three matrices."""
    moves = [0, 0, 0]
    for i in (parts.axis, 2):  # rows are those of a and of the result, columns those of b
        transposed, step = matrices[i]
        moves[i] = parts.size * (step if (parts.axis == 0) != transposed else 1)
    return moves


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
