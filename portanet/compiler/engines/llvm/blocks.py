"""Long sums in blocks, so that their rounding errors stay small.

Each addition to a total is off by half an ulp of it: one after the other, n equal numbers are off
by up to n / 2 ulps. In n / b blocks of b numbers these are (b + n / b) / 2, least for b = √n. The
sum of a row of n0 numbers, in blocks of n2:

    t1 = f4(0.0)
    for b0 in range(0, n0, n2):
        t2 = f4(0.0)
        for j0 in unmasked(b0, smaller(b0 + n2, n0)):
            t2 = add(t2, x1[j0])
        t1 = t1 + t2

Long sums of rows have a total for each loop of a nest, and one for each loop over blocks. Sums of
columns have totals in memory, a row of them; one more is kept, of the block at work.
"""

from collections.abc import Sequence
from math import isqrt, prod

from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.lines import Loop
from portanet.compiler.graph.graph import Node

LEAST = 256
"""What is added one after the other at most before there are blocks."""


def block_length(n: int) -> int:
    """Return the length of the blocks of n numbers: a power of two near √n, LEAST or more.

    >>> block_length(1000), block_length(10**6)
    (256, 1024)
    """
    return max(LEAST, 1 << (isqrt(n) - 1).bit_length())


def in_blocks(node: Node, n: int) -> bool:
    """Return whether a reduction of n numbers adds many that are rounded."""
    return n > LEAST and node.op == "sum" and node.output.dtype.kind == "f"


def loops_over_rows(lengths: Sequence[int], arguments: Arguments, cut: bool) -> list[Loop]:
    """Return a nest of loops over j; long ones in blocks, if they are to be cut."""
    nest = []
    for i, n in enumerate(lengths):
        nest += _loops(i, n, block_length(n) if cut and n > LEAST else 0, arguments)
    return nest


def loops_over_columns(
    lengths: Sequence[int], arguments: Arguments, cut: bool
) -> tuple[list[Loop], int]:
    """Return a nest of loops over j, and which of the nest goes over blocks, if they are to be cut.

    One loop is cut, the first that can be so that its blocks add no more than `block_length`
    numbers: inner loops are longer the less there are.
    """
    at, block = -1, 0
    if cut:
        most = block_length(prod(lengths))
        at = next(i for i in range(len(lengths)) if prod(lengths[i + 1 :]) <= most)
        block = most // prod(lengths[at + 1 :])
    nest: list[Loop] = []
    for i, n in enumerate(lengths):
        nest += _loops(i, n, block if i == at else 0, arguments)
    return nest, at


def _loops(i: int, n: int, block: int, arguments: Arguments) -> list[Loop]:
    """Return the loop over n numbers; two if it is cut into blocks."""
    length = arguments.length(f"j{i}", n)
    if not block:
        return [Loop(f"j{i}", length)]
    step = arguments.length(f"b{i}", block)
    last = f"smaller(b{i} + {step}, {length})"
    return [Loop(f"b{i}", f"0, {length}, {step}"), Loop(f"j{i}", f"b{i}, {last}", of_block=True)]
