"""Sums along the rows of a matrix with NumPy's bits, as a kernel of a plan.

NumPy does not document in which order it adds. So each length of a row is tried before it is used:
the kernel and NumPy add up the same drawn rows, and where a bit differs the sum stays NumPy's call.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from portanet.backends._llvm import machine
from portanet.backends._llvm.files import table_of, text_of
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.graph.graph import Node, Value

_LONGEST = 128  # longer rows NumPy halves
_TOGETHER = 8  # totals side by side; shorter rows have one
_ROWS = 256  # that are drawn


def row_sum_kernels(node: Node, find: Callable[[Value], np.ndarray]) -> list[Kernel] | None:
    """Return the kernel of a sum along the last axis; None for anything else, or other bits."""
    if node.op != "sum" or node.output.dtype.name not in ("float32", "float64"):
        return None
    x, total = find(node.args[0]), find(node.output)
    last = node.options.get("axis") in (-1, x.ndim - 1)
    if not last or x.ndim < 2 or not 2 <= x.shape[-1] <= _LONGEST or x.dtype != total.dtype:
        return None
    in_order = x.flags.c_contiguous and total.flags.c_contiguous
    return [_kernel(x, total)] if in_order and _has_numpys_bits(x.shape[-1], x.dtype.name) else None


def _kernel(x: np.ndarray, total: np.ndarray) -> Kernel:
    name = "row_sums" if x.shape[-1] >= _TOGETHER else "short_row_sums"
    table = table_of([total, x, x.shape[-1]])
    text = text_of("loops_sums", x.dtype.name)
    return Kernel(text, table, name, [total, x], length=total.size, size=x.size)


@cache
def _has_numpys_bits(n: int, dtype: str) -> bool:
    rng = np.random.default_rng(n)
    x = (rng.standard_normal((_ROWS, n)) * 10.0 ** rng.integers(-3, 4, (_ROWS, n))).astype(dtype)
    x[0], x[1] = -0.0, np.arange(n) % 2 * -0.0
    total = np.empty(_ROWS, dtype)
    kernel = _kernel(x, total)
    call = machine.function_of(machine.kernel(kernel.text, kernel.name), bounds=True)
    call(machine.address_of(kernel.table), 0, _ROWS)
    return total.tobytes() == numpys_sums(x).tobytes()


def numpys_sums(x: np.ndarray) -> np.ndarray:
    """Return the sums along rows as NumPy adds them up."""
    return np.add.reduce(x, -1)
