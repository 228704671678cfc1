"""The iteration space of a fused kernel: kept and reduced axes.

A kernel has an index k over all kept axes and an index j over all reduced axes. For x (2, 3):

    sum(x, axis=1)   j = 0   1   2            sum(x, axis=0)   k = 0   1   2
             k = 0     x00 x01 x02  -> s0              j = 0     x00 x01 x02
             k = 1     x10 x11 x12  -> s1              j = 1     x10 x11 x12
                                                                  |   |   |
    n_kept 2, n_reduced 3, rows                n_kept 3, n_reduced 2      s0  s1  s2

An array is *full* if it has an element for each (k, j), such as x, and *reduced* if it has one for
each k, such as s. Without reductions all axes are kept, and all arrays are full.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import prod

ASKED = 2**12
"""Answers about shapes that are kept: thousands of operations have some tens of shapes."""


@dataclass(frozen=True)
class Space:
    """The iteration space of a kernel.

    rows   the reduced axes are the last ones (a sum for each row), not the first (for each column)
    mixed  if reduced axes are neither the first nor the last: the lengths of a full array's axes
           that are longer than 1, and whether each is reduced; all full arrays have that shape
    """

    n_kept: int
    n_reduced: int
    rows: bool = True
    mixed: tuple[tuple[int, bool], ...] = ()

    @property
    def size(self) -> int:
        """The number of elements of a full array."""
        return self.n_kept * self.n_reduced

    def reduces(self, shape: tuple[int, ...]) -> tuple[bool, ...] | None:
        """Return which axes of a full array's shape are reduced; None if it is not one's shape.

        >>> Space(2, 12).reduces((2, 3, 4)), Space(2, 12).reduces((3, 8))
        ((False, True, True), None)
        """
        return _reduces(self, shape)

    def is_like(self, other: "Space") -> bool:
        """Return whether both have the same kept and reduced axes, in the same order."""
        if (self.n_kept, self.n_reduced) != (other.n_kept, other.n_reduced):
            return False
        if self.mixed != other.mixed:
            return False
        return self.rows == other.rows or bool(self.mixed) or 1 in (self.n_kept, self.n_reduced)


@lru_cache(ASKED)
def _reduces(space: Space, shape: tuple[int, ...]) -> tuple[bool, ...] | None:
    if space.mixed:
        return _reduces_mixed(space, shape)
    sizes = (space.n_kept, space.n_reduced) if space.rows else (space.n_reduced, space.n_kept)
    for at in range(len(shape), -1, -1):
        if (prod(shape[:at]), prod(shape[at:])) == sizes:
            return tuple((i >= at) == space.rows for i in range(len(shape)))
    return None


def _reduces_mixed(space: Space, shape: tuple[int, ...]) -> tuple[bool, ...] | None:
    long = [i for i, n in enumerate(shape) if n > 1]
    if [shape[i] for i in long] != [n for n, _ in space.mixed]:
        return None
    reduced = {i for i, (_, is_reduced) in zip(long, space.mixed, strict=True) if is_reduced}
    return tuple(i in reduced for i in range(len(shape)))


def space_of(shape: tuple[int, ...], axis: int | tuple[int, ...] | None) -> Space:
    """Return the space of a reduction along `axis` (None: all axes) of an array.

    >>> space_of((4, 5), 0)
    Space(n_kept=5, n_reduced=4, rows=False, mixed=())
    """
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    reduced = {a % len(shape) for a in axes} if shape else set()
    long = [(n, i in reduced) for i, n in enumerate(shape) if n > 1]
    n_kept, n_reduced = (prod(n for n, r in long if r is wanted) for wanted in (False, True))
    turns = sum(a[1] != b[1] for a, b in pairwise(long))
    rows = not long or long[-1][1] or n_kept == 1
    return Space(n_kept, n_reduced, rows, tuple(long) if turns > 1 else ())
