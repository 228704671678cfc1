"""Checks of what callers pass: shapes, dtypes and devices of arrays, and values of options.

They read an array's metadata, which costs nothing on any device. A check of the values makes the
host wait for a GPU; such checks run where data enter a loader and in direct calls. The trainer,
whose data are checked already, trains `with skip_value_checks():`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from math import inf, isfinite
from operator import index
from typing import Any

import numpy as np

from portanet.backends import array_namespace, backend_of
from portanet.errors import ArgumentError, DtypeError, PlacementError
from portanet.errors import short as short
from portanet.guesses import as_float, probably_meant
from portanet.no_array import no_array
from portanet.typing import Array

FLOATS = ("float32", "float64")
_skip: ContextVar[bool] = ContextVar("skip_value_checks", default=False)


@contextmanager
def skip_value_checks() -> Iterator[None]:
    """Within this block the values of labels and indices are not checked: they have been before."""
    token = _skip.set(True)
    try:
        yield
    finally:
        with suppress(ValueError):  # another context: an interrupt has ended the block from there
            _skip.reset(token)


def skips_value_checks() -> bool:
    """Return whether checks of values are switched off."""
    return _skip.get()


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


@lru_cache(maxsize=None, typed=True)  # typed: dtypes of two libraries may not be compared
def name_of_known(dtype: Any) -> str:
    """Return the name of an array's dtype, which is looked up more often than it is made."""
    return dtype_name(dtype)


def float_dtype(who: str, dtype: Any) -> str:
    """Return the dtype's name. Raises ArgumentError unless it is float32 or float64."""
    name = dtype_name(dtype)
    if name not in FLOATS:
        raise ArgumentError(f"{who}: dtype must be 'float32' or 'float64', is {short(name)}")
    return name


def is_float(x: Array) -> bool:
    """Return whether x holds real floating-point numbers."""
    if isinstance(x.dtype, np.dtype) and x.dtype.kind in "fbiuc":  # a tenth of isdtype's time
        return x.dtype.kind == "f"
    return array_namespace(x).isdtype(x.dtype, "real floating")


def is_integer(x: Array) -> bool:
    """Return whether x holds integers (not booleans)."""
    if isinstance(x.dtype, np.dtype) and x.dtype.kind in "fbiuc":
        return x.dtype.kind in "iu"
    return array_namespace(x).isdtype(x.dtype, "integral")


def check_alike(who: object, name: str, x: Array, other: str, like: Array) -> None:
    """Raise PlacementError or DtypeError unless x is on the device of `like`, in its dtype."""
    try:
        here, there = backend_of(x), backend_of(like)
    except DtypeError:
        raise no_array(who, name, x) from None
    if here is not there:
        raise PlacementError(
            f"{who}: {name} must be on the device of {other}, {there}; it is on {here}. Move the "
            f"network with .to({here.name!r}), or the array with "
            f"portanet.backends.get({there.name!r}).asarray(...)"
        )
    if x.dtype != like.dtype:
        wanted, came = dtype_name(like.dtype), dtype_name(x.dtype)
        if wanted == came:
            _refuse_byte_order(who, name, x, other, like)
        raise DtypeError(
            f"{who}: {name} must be {wanted}, as {other}; it is {came}. Cast it with "
            f"astype({wanted!r})"
            + (f", or the network with .to(dtype={came!r})" if came in FLOATS else "")
        )


def check_takes(who: object, x: Array, layer: Any) -> None:
    """Raise DtypeError for integers where a layer of the user seems to lack takes = "integers".

    That is a layer with an Embedding among its parts, or any layer from outside of portanet: the
    advice of check_alike, to cast the indices to floats, would lead to the next error.
    """
    inner = {getattr(part, "takes", "") for part in layer.named_parts().values()}
    suspect = "integers" in inner or not type(layer).__module__.startswith("portanet.")
    try:
        integers = suspect and is_integer(x)
    except (AttributeError, DtypeError):
        raise no_array(who, "x", x) from None
    if integers:
        name = type(layer).__name__
        raise DtypeError(
            f"{who}: x must be floats, as {name}.takes says, is {dtype_name(x.dtype)}; if {name} "
            'takes integers, set takes = "integers" in its class, else convert x to floats'
        )


def _refuse_byte_order(who: object, name: str, x: Array, other: str, like: Array) -> None:
    """Raise DtypeError for two dtypes of one name: NumPy's big-endian and little-endian ones."""
    raise DtypeError(
        f"{who}: {name} must have the byte order of {other}, {like.dtype.str!r}; it is "
        f"{x.dtype.str!r}. Swap the bytes of the one that is not native with "
        "x.astype(x.dtype.newbyteorder('='))"
    )


def check_number(
    who: object, name: str, value: Any, low: float, high: float, *, open_low: bool = False,
    open_high: bool = False,
) -> float:  # fmt: skip
    """Return value. Raises ArgumentError unless it is a number in [low, high], or (low, high).

    A NumPy scalar becomes a Python number: as it is, a float64 would make float32 arrays float64.
    """
    if isinstance(value, np.floating | np.integer):
        value = float(value) if isinstance(value, np.floating) else int(value)
    fits = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and isfinite(value)
        and (low < value if open_low else low <= value)
        and (value < high if open_high else value <= high)
    )
    if not fits:
        opening, closing = "(" if open_low else "[", ")" if open_high or high == inf else "]"
        raise ArgumentError(
            f"{who}: {name} must be a number in {opening}{low:g}, {high:g}{closing}, is "
            f"{short(value)}; for example {name}={probably_meant(value, low, high)}"
        )
    return value


def check_count(who: str, name: str, value: Any, low: int = 1) -> int:
    """Return value as an int. Raises ArgumentError unless it is an integer >= low."""
    try:
        number = low - 1 if isinstance(value, bool) else index(value)
    except TypeError:  # not an integer of any library
        number = low - 1
    if number < low:
        example = max(low, round(as_float(value, 1)))
        raise ArgumentError(
            f"{who}: {name} must be an integer >= {low}, is {short(value)}; for example "
            f"{name}={example}"
        )
    return number


def check_flag(who: str, name: str, value: Any) -> bool:
    """Return value. Raises ArgumentError unless it is True or False (also 1, 0, or NumPy's)."""
    if not isinstance(value, bool | np.bool_ | int) or value not in (0, 1):
        raise ArgumentError(
            f"{who}: {name} must be True or False, is {short(value)}; for example {name}=True"
        )
    return bool(value)


def check_choice(who: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return value. Raises ArgumentError unless it is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        wanted = f"{', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}"
        raise ArgumentError(f"{who}: {name} must be {wanted}, is {short(value)}")
    return value
