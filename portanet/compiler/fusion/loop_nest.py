"""Loop nests over the axes of several arrays with different contiguous axes."""

from collections.abc import Iterable, Sequence
from math import prod

Axes = Sequence[tuple[int, int]]  # (length, stride in items)


def common_lengths(arrays: Iterable[Axes]) -> list[int] | None:
    """Return the lengths of the shortest loop nest in which all arrays have constant strides.

    None if there is none: axes (2, 6) and (4, 3) have no common split of 12.

    >>> common_lengths([[(6, 1)], [(2, 1), (3, 0)]])
    [2, 3]
    """
    cuts: set[int] = set()
    for axes in arrays:
        lengths = [n for n, _ in axes]
        cuts |= {prod(lengths[i:]) for i in range(len(lengths))}
    lengths, inner = [], 1
    for cut in sorted(cuts - {1}):
        if cut % inner:
            return None
        lengths.insert(0, cut // inner)
        inner = cut
    return lengths


def strides_along(axes: Axes, lengths: list[int]) -> list[int] | None:
    """Return an array's stride along each loop.

    >>> strides_along([(6, 4)], [2, 3])
    [12, 4]
    """
    found: list[int] = []
    left = list(lengths)
    for length, stride in reversed(axes):
        inner = 1
        while inner < length:
            n = left.pop()
            found.insert(0, stride * inner)
            inner *= n
        if inner != length:
            return None
    return [0] * len(left) + found


def index_text(strides: list[int], variables: list[str]) -> str:
    """Return the sum of strides times loop variables as text, "" if all strides are 0."""
    terms = zip(strides, variables, strict=True)
    return " + ".join(v if s == 1 else f"{s} * {v}" for s, v in terms if s)
