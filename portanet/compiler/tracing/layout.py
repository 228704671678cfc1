"""The layout of arrays that enter a trace."""

from typing import Any


def in_c_order(array: Any, *, copy: bool = False) -> Any:
    """Return an array whose numbers lie end to end, the last axis running fastest.

    Plans lay out what they read: a user's strides are never theirs.
    """
    flags = getattr(array, "flags", None)
    if flags is None or not hasattr(flags, "c_contiguous"):  # JAX: layouts are its own business
        return array
    return array.copy(order="C") if copy or not flags.c_contiguous else array
