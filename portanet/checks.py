"""The checks at the door: shapes, dtypes and places of arrays, and the values of options.

They look at what an array says of itself, which costs nothing on any device. A look at the values
would make the host wait for a GPU; such checks run when data enter a loader and in direct calls,
and the trainer, whose data have been checked, trains `with skip_value_checks():`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import isfinite
from typing import Any

import numpy as np

from portanet.backends import array_namespace, backend_of
from portanet.errors import ArgumentError, DtypeError, PlacementError
from portanet.typing import Array

FLOATS = ("float32", "float64")
_skips: ContextVar[bool] = ContextVar("skip_value_checks", default=False)


@contextmanager
def skip_value_checks() -> Iterator[None]:
    """Within this block labels and indices are not looked at: they have been before."""
    token = _skips.set(True)
    try:
        yield
    finally:
        with suppress(ValueError):  # another context: an interrupt has ended the block from there
            _skips.reset(token)


def skips_value_checks() -> bool:
    """Return whether values count as checked already."""
    return _skips.get()


def dtype_name(dtype: Any) -> str:
    """Return the name of any library's dtype: "float32" for np.float32, torch.float32 …

    >>> import numpy as np
    >>> dtype_name(np.dtype("float64")), dtype_name("float32"), dtype_name(np.float32)
    ('float64', 'float32', 'float32')
    """
    if isinstance(dtype, str):
        return dtype
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    return name.rpartition(".")[2]


def float_dtype(who: str, dtype: Any) -> str:
    """Return the dtype's name. Raises ArgumentError unless it is one that networks can have."""
    name = dtype_name(dtype)
    if name not in FLOATS:
        raise ArgumentError(f"{who}: dtype must be 'float32' or 'float64', is {name!r}")
    return name


def is_float(x: Array) -> bool:
    """Return whether x holds real floating-point numbers."""
    return array_namespace(x).isdtype(x.dtype, "real floating")


def is_integer(x: Array) -> bool:
    """Return whether x holds integers (booleans are none)."""
    return array_namespace(x).isdtype(x.dtype, "integral")


def check_alike(who: str, name: str, x: Array, other: str, like: Array) -> None:
    """Raise PlacementError or DtypeError unless x lies where `like` lies and has its dtype."""
    here, there = backend_of(x), backend_of(like)
    if here is not there:
        raise PlacementError(
            f"{who}: {name} must lie where {other} lies, on {there}; it lies on {here}. Move the "
            f"network with .to({here.name!r}), or the array with "
            f"portanet.backends.get({there.name!r}).asarray(...)"
        )
    if x.dtype != like.dtype:
        wanted, came = dtype_name(like.dtype), dtype_name(x.dtype)
        raise DtypeError(
            f"{who}: {name} must be {wanted}, as {other}; it is {came}. Cast it with "
            f"astype({wanted!r})"
            + (f", or .to(dtype={came!r}) the network" if came in FLOATS else "")
        )


def check_number(
    who: str, name: str, value: Any, low: float, high: float, *, open_low: bool = False
) -> float:
    """Return value. Raises ArgumentError unless it is a number in [low, high], or (low, high].

    A NumPy scalar becomes a Python number: as it is, a float64 would make float32 arrays float64.
    """
    if isinstance(value, np.floating | np.integer):
        value = value.item()
    fits = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and isfinite(value)
        and (low < value if open_low else low <= value)
        and value <= high
    )
    if not fits:
        opening, closing = "(" if open_low else "[", ")" if high == float("inf") else "]"
        raise ArgumentError(
            f"{who}: {name} must be a number in {opening}{low:g}, {high:g}{closing}, is {value!r}"
        )
    return value


def check_count(who: str, name: str, value: Any, low: int = 1) -> int:
    """Return value as an int. Raises ArgumentError unless it is an integer >= low."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < low:
        raise ArgumentError(f"{who}: {name} must be an integer >= {low}, is {value!r}")
    return value.__index__()


def short(value: Any) -> str:
    """Return a text for a value in an error: class and shape of an array, else a clipped repr.

    >>> import numpy as np
    >>> short(np.zeros((2, 3))), short("acc")
    ('ndarray of shape (2, 3)', "'acc'")
    """
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape and hasattr(value, "dtype"):
        return f"{type(value).__name__} of shape {tuple(shape)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
