"""Where the numbers of an array lie in the loops of a fused kernel.

A kernel runs over a space of `kept` x `reduced` numbers, of which it sums (or maximises …) the
reduced ones; without reductions there are kept ones only. An array that fills the space is called
wide here, one with a number for each kept one narrow.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from portanet.compiler.graph.graph import Value

Axes = list[tuple[int, int]]  # (length, stride in items)


@dataclass(frozen=True)
class Space:
    """The numbers that a kernel runs over; `k` counts the kept ones, `j` the reduced ones.

    rows   neighbours in memory are reduced ("one sum a row"), not kept ("one sum a column")
    mixed  where reduced axes are neither the first nor the last: the lengths of a wide array's axes
           that are longer than 1, and whether each is reduced; wide arrays then all have that shape
    """

    kept: int
    reduced: int
    rows: bool = True
    mixed: tuple[tuple[int, bool], ...] = ()

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.kept * self.reduced

    def reduced_axes(self, shape: tuple[int, ...]) -> list[bool] | None:
        """Return which axes of a wide array's shape are reduced; None if it is not one's shape."""
        if self.mixed:
            long = [i for i, n in enumerate(shape) if n > 1]
            if [shape[i] for i in long] != [n for n, _ in self.mixed]:
                return None
            reduced = {i for i, (_, gone) in zip(long, self.mixed, strict=True) if gone}
            return [i in reduced for i in range(len(shape))]
        sizes = (self.kept, self.reduced) if self.rows else (self.reduced, self.kept)
        for at in range(len(shape), -1, -1):
            if (prod(shape[:at]), prod(shape[at:])) == sizes:
                return [(i >= at) == self.rows for i in range(len(shape))]
        return None


def space_of(shape: tuple[int, ...], axis: int | tuple[int, ...] | None) -> Space:
    """Return the space of a reduction along `axis` (None: all axes) of an array.

    >>> space_of((4, 5), 0)
    Space(kept=5, reduced=4, rows=False, mixed=())
    """
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    gone = {a % len(shape) for a in axes} if shape else set()
    long = [(n, i in gone) for i, n in enumerate(shape) if n > 1]
    kept, reduced = (prod(n for n, g in long if g is wanted) for wanted in (False, True))
    turns = sum(a[1] != b[1] for a, b in pairwise(long))
    rows = not long or long[-1][1] or kept == 1
    return Space(kept, reduced, rows, tuple(long) if turns > 1 else ())


def wide_axes(value: Value, shape: tuple[int, ...], space: Space) -> tuple[Axes, Axes] | None:
    """Return the kept and the reduced axes of a value that is broadcast to a wide shape."""
    reduced = space.reduced_axes(shape)
    if reduced is None:
        return None
    axes = list(zip(_broadcast(value, shape), reduced, strict=True))
    return _merged([a for a, gone in axes if not gone]), _merged([a for a, gone in axes if gone])


def narrow_axes(value: Value, shape: tuple[int, ...], space: Space) -> Axes | None:
    """Return the axes of a value that is broadcast to a narrow shape."""
    return _merged(_broadcast(value, shape)) if prod(shape) == space.kept else None


def wide_index(value: Value, shape: tuple[int, ...], space: Space) -> str:
    """Return the index of number (k, j) of a wide shape, in a value broadcast to it."""
    axes = wide_axes(value, shape, space)
    assert axes is not None  # looked at before the kernel is written
    kept, reduced = _terms(axes[0], "k"), _terms(axes[1], "j")
    return " + ".join([*kept, *reduced] if space.rows else [*reduced, *kept]) or "0"


def narrow_index(value: Value, shape: tuple[int, ...], space: Space) -> str:
    """Return the index of number k of a narrow shape, in a value broadcast to it."""
    axes = narrow_axes(value, shape, space)
    assert axes is not None
    return " + ".join(_terms(axes, "k")) or "0"


def shows_all(value: Value) -> bool:
    """Return whether a value is its root in another shape: all its numbers, in their order."""
    root, items = value.root, value.dtype.itemsize
    if value is root:
        return contiguous(root)
    if value.dtype != root.dtype or any(s < 0 for s in value.strides):
        return False
    seen = prod(n for n, s in zip(value.shape, value.strides, strict=True) if s)
    in_order = [s // items for n, s in zip(value.shape, value.strides, strict=True) if s and n > 1]
    lengths = [n for n, s in zip(value.shape, value.strides, strict=True) if s and n > 1]
    wanted = [prod(lengths[i + 1 :]) for i in range(len(lengths))]
    return contiguous(root) and seen == root.size and in_order == wanted


def contiguous(value: Value) -> bool:
    """Return whether the numbers lie end to end, the last axis running fastest."""
    step = value.dtype.itemsize
    for length, stride in zip(reversed(value.shape), reversed(value.strides), strict=True):
        if length > 1 and stride != step:
            return False
        step *= length
    return True


def is_whole(value: Value, shape: tuple[int, ...], space: Space) -> bool:
    """Return whether number (k, j) of a shape is number (k, j) of a wide, contiguous root."""
    return space.reduced_axes(shape) is not None and _alone(_merged(_broadcast(value, shape)))


def is_kept(value: Value, shape: tuple[int, ...], space: Space) -> bool:
    """Return whether number (k, j) of a wide shape is number k of a narrow, contiguous root."""
    axes = wide_axes(value, shape, space)
    return axes is not None and _alone(axes[0]) and all(s == 0 for _, s in axes[1])


def is_kept_alone(value: Value, shape: tuple[int, ...], space: Space) -> bool:
    """Return whether number k of a narrow shape is number k of a narrow, contiguous root."""
    axes = narrow_axes(value, shape, space)
    return axes is not None and _alone(axes)


def _alone(axes: Axes) -> bool:
    return not axes or [s for _, s in axes] == [1]


def _broadcast(value: Value, shape: tuple[int, ...]) -> Axes:
    items = value.dtype.itemsize
    strides = (0,) * (len(shape) - len(value.shape)) + tuple(s // items for s in value.strides)
    return list(zip(shape, strides, strict=True))


def _merged(axes: Axes) -> Axes:
    """Take neighbouring axes as one where the outer goes on where the inner ends."""
    merged: Axes = []
    for n, s in axes:
        if n == 1:
            continue
        if merged and merged[-1][1] == s * n:
            merged[-1] = (merged[-1][0] * n, s)
        else:
            merged.append((n, s))
    return merged


def _terms(axes: Axes, variable: str) -> list[str]:
    """Return the summands of an index: the variable taken apart into the axes' own."""
    terms, inner = [], 1
    for i, (n, s) in reversed(list(enumerate(axes))):
        if s:
            own = variable if inner == 1 else f"{variable} / {inner}"
            own = f"{own} % {n}" if i else own
            terms.append(own if s == 1 else f"({own}) * {s}" if own != variable else f"{own} * {s}")
        inner *= n
    return terms[::-1]
