"""Where a kernel's result goes: into a place that the caller has, or into a new array."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def takes_out(kernel: Kernel) -> Kernel:
    """Say of a kernel that it takes a keyword `out`, which it then writes to and returns."""
    kernel.takes_out = True  # pyright: ignore[reportFunctionMemberAccess]
    return kernel


def result(out: np.ndarray | None, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return `out` if rows can be written to it end to end, else a new array."""
    if out is not None and out.flags.c_contiguous and (out.shape, out.dtype) == (shape, dtype):
        return out
    return np.empty(shape, dtype)


def delivered(out: np.ndarray | None, made: np.ndarray) -> np.ndarray:
    """Return `out` with the result in it, or the result itself where no `out` was given."""
    if out is None or out is made:
        return made
    out[...] = made
    return out
