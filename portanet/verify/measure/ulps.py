"""Errors in units of the last place, each number at its own size or at that of its row and column.

A wrong number in a small column must not hide behind the largest number of an array; a number that
is small because large ones cancel is not held to its own size.
"""

import numpy as np

from portanet.compiler.verification.scales import scales

DTYPES = ("float32", "float64")
EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}
TINY = {"float32": 2.0**-126, "float64": 2.0**-1022}  # the smallest normal numbers


def ulps(value: np.ndarray, oracle: np.ndarray, dtype: str) -> float:
    """Return the largest error of an array in ulps of a dtype; inf if it is not the same kind.

    >>> round(ulps(np.asarray([1.0, 2.0]), np.asarray([1.0, 2.0 + 2**-22]), "float32"), 2)
    1.0
    >>> ulps(np.asarray([np.nan]), np.asarray([1.0]), "float32")
    inf
    """
    return float(np.max(errors(value, oracle, dtype), initial=0.0))


def errors(value: np.ndarray, oracle: np.ndarray, dtype: str) -> np.ndarray:
    """Return the error of each number in ulps; inf where NaN or infinities differ."""
    value, oracle = np.asarray(value), np.asarray(oracle)
    if value.shape != oracle.shape:
        return np.full(1, np.inf)
    if oracle.dtype.kind != "f":
        return np.where(value == oracle, 0.0, np.inf)
    value = value.astype(np.float64)
    same = (value == oracle) | (np.isnan(value) & np.isnan(oracle))
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.abs(value - oracle) / _units(oracle, dtype)
    return np.where(same, 0.0, np.where(np.isfinite(value) & np.isfinite(oracle), found, np.inf))


def worst_place(value: np.ndarray, oracle: np.ndarray, dtype: str) -> str:
    """Return in words where an array is off most: the index, expected and got."""
    if value.shape != oracle.shape:
        return f"shape {oracle.shape} expected, got {value.shape}"
    found = errors(value, oracle, dtype)
    at = np.unravel_index(int(np.argmax(found)), found.shape)
    where = [int(i) for i in at]
    return f"at {where}: expected {oracle[at]:.9g}, got {value[at]:.9g}"


def _units(oracle: np.ndarray, dtype: str) -> np.ndarray:
    size = np.abs(np.where(np.isfinite(oracle), oracle, 0.0))
    return EPSILON[dtype] * np.maximum(np.maximum(size, scales(size)), TINY[dtype])
