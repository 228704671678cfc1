"""Indices into arrays, as text, in the loops of a fused kernel.

A kernel reads element [k, j] of full arrays and element [k] of reduced ones (see space.py). The
index into the memory of an array, for n_kept 64, n_reduced 20, rows:

    array             shape       strides (items)   index
    x                 (64, 20)    (20, 1)           k * 20 + j
    a transpose       (64, 20)    (1, 64)           k + j * 64
    a bias            (20,)       (1,)              j              broadcast along k
    sums of rows      (64, 1)     (1, 0)            k              broadcast along j
    images            (8, 8, 20)  (160, 20, 1)      k * 20 + j     contiguous axes are merged
    transposed        (8, 8, 20)  (20, 160, 1)      (k / 8) * 20 + (k % 8) * 160 + j
"""

from functools import lru_cache
from math import prod

from portanet.compiler.fusion.space import ASKED, Space
from portanet.compiler.graph.graph import Value

Axes = tuple[tuple[int, int], ...]  # (length, stride in items)


def axes_of_full(value: Value, shape: tuple[int, ...], space: Space) -> tuple[Axes, Axes] | None:
    """Return the kept and the reduced axes of a value that is broadcast to a full shape."""
    return _axes_of_full(value.strides, value.dtype.itemsize, shape, space)


@lru_cache(ASKED)
def _axes_of_full(
    strides: tuple[int, ...], n_bytes: int, shape: tuple[int, ...], space: Space
) -> tuple[Axes, Axes] | None:
    reduced = space.reduces(shape)
    if reduced is None:
        return None
    axes = list(zip(_broadcast(strides, n_bytes, shape), reduced, strict=True))
    kept_axes = _merged([axis for axis, is_reduced in axes if not is_reduced])
    return kept_axes, _merged([axis for axis, is_reduced in axes if is_reduced])


def axes_of_reduced(value: Value, shape: tuple[int, ...], space: Space) -> Axes | None:
    """Return the kept axes of a value that is broadcast to a reduced shape."""
    return _axes(value, shape) if prod(shape) == space.n_kept else None


def index_of_full(value: Value, shape: tuple[int, ...], space: Space) -> str:
    """Return the index of element [k, j] in a value that is broadcast to a full shape."""
    axes = axes_of_full(value, shape, space)
    assert axes is not None  # looked at before the kernel is written
    kept, reduced = _terms(axes[0], "k"), _terms(axes[1], "j")
    return " + ".join([*kept, *reduced] if space.rows else [*reduced, *kept]) or "0"


def index_of_reduced(value: Value, shape: tuple[int, ...], space: Space) -> str:
    """Return the index of element [k] in a value that is broadcast to a reduced shape."""
    axes = axes_of_reduced(value, shape, space)
    assert axes is not None
    return " + ".join(_terms(axes, "k")) or "0"


def span(value: Value) -> int:
    """Return how many elements apart in memory its first and last elements are.

    >>> import numpy as np
    >>> span(Value("input", (2, 3), np.dtype("float32"), (400, -4)))
    102
    """
    axes = zip(value.shape, value.strides, strict=True)
    return sum((n - 1) * abs(stride) for n, stride in axes if n) // value.dtype.itemsize


def shows_all(value: Value) -> bool:
    """Return whether a value has all elements of its root in the same order, in any shape."""
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
    """Return whether a value is C-contiguous."""
    step = value.dtype.itemsize
    for length, stride in zip(reversed(value.shape), reversed(value.strides), strict=True):
        if length > 1 and stride != step:
            return False
        step *= length
    return True


def is_full(value: Value, shape: tuple[int, ...], space: Space) -> bool:
    """Return whether element [k, j] of a shape is element [k, j] of a full, contiguous root."""
    return space.reduces(shape) is not None and _alone(_axes(value, shape))


def is_reduced_in_full(value: Value, shape: tuple[int, ...], space: Space) -> bool:
    """Return whether element [k, j] of a full shape is element [k] of a reduced root."""
    axes = axes_of_full(value, shape, space)
    return axes is not None and _alone(axes[0]) and all(s == 0 for _, s in axes[1])


def is_reduced(value: Value, shape: tuple[int, ...], space: Space) -> bool:
    """Return whether element [k] of a reduced shape is element [k] of a reduced root."""
    axes = axes_of_reduced(value, shape, space)
    return axes is not None and _alone(axes)


def _alone(axes: Axes) -> bool:
    return not axes or [s for _, s in axes] == [1]


def _axes(value: Value, shape: tuple[int, ...]) -> Axes:
    return _all_axes(value.strides, value.dtype.itemsize, shape)


@lru_cache(ASKED)
def _all_axes(strides: tuple[int, ...], n_bytes: int, shape: tuple[int, ...]) -> Axes:
    return _merged(_broadcast(strides, n_bytes, shape))


def _broadcast(
    strides: tuple[int, ...], n_bytes: int, shape: tuple[int, ...]
) -> list[tuple[int, int]]:
    """Return the axes of a value with these strides, in bytes, that is broadcast to a shape."""
    items = (0,) * (len(shape) - len(strides)) + tuple(s // n_bytes for s in strides)
    return list(zip(shape, items, strict=True))


def _merged(axes: list[tuple[int, int]]) -> Axes:
    """Merge neighbouring axes that are contiguous with each other."""
    merged: list[tuple[int, int]] = []
    for n, s in axes:
        if n == 1:
            continue
        if merged and merged[-1][1] == s * n:
            merged[-1] = (merged[-1][0] * n, s)
        else:
            merged.append((n, s))
    return tuple(merged)


def _terms(axes: Axes, variable: str) -> list[str]:
    """Return the terms of an index: the variable split into indices of the axes."""
    terms, inner = [], 1
    for i, (n, s) in reversed(list(enumerate(axes))):
        if s:
            own = variable if inner == 1 else f"{variable} / {inner}"
            own = f"{own} % {n}" if i else own
            terms.append(own if s == 1 else f"({own}) * {s}" if own != variable else f"{own} * {s}")
        inner *= n
    return terms[::-1]
