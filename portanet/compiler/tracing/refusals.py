"""Operations that cannot be traced, and why."""

from typing import Any

from portanet.checks import dtype_name
from portanet.compiler.tracing.tracer import Tracer

# The shape of their result depends on numbers: another batch, another shape.
_SHAPE_OF_NUMBERS = {
    "argwhere", "bincount", "compress", "extract", "flatnonzero", "histogram", "intersect1d",
    "nonzero", "setdiff1d", "trim_zeros", "union1d", "unique", "unique_all", "unique_counts",
    "unique_inverse", "unique_values",
}  # fmt: skip
# They write into their first argument.
_IN_PLACE = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}


def reason_not(op: str, args: Any, options: Any) -> str | None:
    """Say why an operation cannot be traced: it writes in place, or numbers decide its shape."""
    name = op.removeprefix("method:")
    if name in _IN_PLACE or options.get("out") is not None:
        return f"an array is written in place, by {name}"
    if shape_depends_on_numbers(op, args):
        return f"the shape of what {name} gives depends on the numbers in an array"
    return None


def shape_depends_on_numbers(op: str, args: Any) -> bool:
    """Return whether a result's shape depends on numbers, for which a device has to be awaited."""
    name = op.removeprefix("method:")
    by_shape = name in _SHAPE_OF_NUMBERS or (name == "where" and len(args) == 1)
    return by_shape or (name == "getitem" and _picks(args[1]))


def _picks(index: Any) -> bool:
    """Return whether an index holds a traced array of booleans."""
    if isinstance(index, tuple):
        return any(map(_picks, index))
    return isinstance(index, Tracer) and dtype_name(index.dtype) == "bool" and index.ndim > 0
