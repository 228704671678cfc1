"""Whether the values of an array can be trained on: finite, and exact in the model's dtype."""

from math import isfinite

import numpy as np

from portanet.backends import array_namespace, backend_of
from portanet.checks import dtype_name, is_float, is_integer
from portanet.errors import DataError
from portanet.typing import Array

_BLOCK = 2**20  # bytes: of smaller ones Python takes longer than the memory


def check_finite(name: str, x: Array) -> None:
    """Raise DataError if a number of x is NaN or infinite."""
    if not is_float(x) or _squares_are_finite(x):
        return
    xp = array_namespace(x)
    finite = xp.isfinite(x)
    if not bool(xp.all(finite)):
        n_bad = int(xp.sum(xp.astype(~finite, xp.int32)))
        raise DataError(
            f"Dataset: {name} must be finite, {n_bad} of its numbers are NaN or infinite; drop or "
            "fill those samples first"
        )


def copy_finite(name: str, target: np.ndarray, x: np.ndarray) -> None:
    """Copy x into an array like it in C order. Raises DataError as check_finite does.

    In blocks that stay in a core's cache, where a look at the numbers takes no second way through
    the memory.
    """
    rows = max(1, _BLOCK // max(1, x[:1].nbytes))
    is_finite = True
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, x.shape[0], rows):
            block = target[start : start + rows]
            block[...] = x[start : start + rows]
            flat = block.reshape(-1)
            is_finite = is_finite and isfinite(np.dot(flat, flat))
    if not is_finite:  # or its squares are too large
        check_finite(name, x)


def _squares_are_finite(x: Array) -> bool:
    """Return whether x · x is finite, which NaN and infinity are not: a fifth of isfinite's time.

    Large numbers are to be looked at one by one.
    """
    if not isinstance(x, np.ndarray) or not x.flags.c_contiguous:
        return False
    flat = x.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.dot(flat, flat)))


def check_fits(name: str, x: Array, dtype: str) -> None:
    """Raise DataError if a number of x is too large for the dtype that it will be cast to."""
    if not is_float(x) or dtype_name(x.dtype) == dtype or 0 in x.shape:
        return
    largest, limit = float(array_namespace(x).max(abs(x))), float(np.finfo(dtype).max)
    if largest > limit:
        raise DataError(
            f"Dataset: {name} must fit into {dtype}, which ends at {limit:.2g}; it holds "
            f"{largest:.2g}. Scale it, or use .to(dtype='float64')"
        )


def check_exact(name: str, x: Array, dtype: str) -> None:
    """Raise DataError if a float dtype cannot hold an integer of x.

    Whoever casts them to floats before has agreed to rounding; a cast here would be a silent one.
    """
    if not is_integer(x) or 0 in x.shape:
        return
    xp, exact = array_namespace(x), 2 ** (np.finfo(dtype).nmant + 1)  # all integers up to here
    ends = [int(xp.max(x)), int(xp.min(x))]
    if max(map(abs, ends)) <= exact:
        return
    bad = next((end for end in ends if int(np.dtype(dtype).type(end)) != end), None)
    if bad is None:  # what lies between the ends stays there when it is rounded
        cast = xp.astype(xp.astype(x, backend_of(x).dtype(dtype)), x.dtype)
        rounded = xp.reshape(cast != x, (-1,))
        if not bool(xp.any(rounded)):
            return
        bad = int(xp.reshape(x, (-1,))[int(xp.argmax(xp.astype(rounded, xp.int32)))])
    raise DataError(
        f"Dataset: {name} must hold integers that {dtype} can hold, as the model's numbers; it "
        f"holds {bad}. Scale it, use .to(dtype='float64'), or round it with "
        f"{name}.astype({dtype!r})"
    )


def check_whole(name: str, x: Array) -> None:
    """Raise DataError if a number of x is no integer, whatever the dtype."""
    if not is_float(x):
        return
    xp = array_namespace(x)
    bad = xp.reshape(xp.round(x) != x, (-1,))
    if bool(xp.any(bad)):
        first = int(xp.argmax(xp.astype(bad, xp.int32)))
        raise DataError(
            f"Dataset: {name} must hold integers, as the first layer takes them; number {first} of "
            f"it is {float(xp.reshape(x, (-1,))[first]):g}"
        )
