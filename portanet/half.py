"""Half precision: float16 and bfloat16, and what computes in float32 all the same.

In a pass in half precision (mixed_precision.py) layers are given arrays of 16 bits a number. Those
whose formulas have exponentials, logarithms or means of squares say so with `@in_float32`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

from portanet.backends import array_namespace
from portanet.checks import name_of_known
from portanet.typing import Array

HALVES = {"float16": 2.0**-10, "bfloat16": 2.0**-7}  # the distance from 1 to the next number
Method = TypeVar("Method", bound=Callable[..., Any])
_at_work: ContextVar[float] = ContextVar("half_precision", default=0.0)


def is_half(x: Array) -> bool:
    """Return whether x holds numbers of 16 bits.

    >>> import numpy as np
    >>> is_half(np.zeros(2, np.float16)), is_half(np.zeros(2, np.float32))
    (True, False)
    """
    return name_of_known(x.dtype) in HALVES


def as_float32(x: Array) -> Array:
    """Return x in float32 if it is in half precision, else x itself."""
    if not is_half(x):
        return x
    xp = array_namespace(x)
    return xp.astype(x, xp.float32)


def in_dtype_of(x: Array, like: Array) -> Array:
    """Return x in the dtype of another array: x itself if it has that."""
    return x if x.dtype == like.dtype else array_namespace(x).astype(x, like.dtype)


def in_float32(method: Method) -> Method:
    """Let a layer's forward or backward compute in float32 what is given in half precision.

    It stands before both. The layer's own parameters and buffers stay float32, too; what it returns
    is in the precision of what it was given.
    """

    @wraps(method)
    def computed(self: Any, x: Any, *args: Any, **options: Any) -> Any:
        if not is_half(x):
            return method(self, x, *args, **options)
        return in_dtype_of(method(self, as_float32(x), *args, **options), x)

    vars(computed)["in_float32"] = True
    return computed  # pyright: ignore[reportReturnType]


def computes_in_float32(part: Any) -> bool:
    """Return whether a layer's forward stands under `@in_float32`."""
    return getattr(getattr(type(part), "forward", None), "in_float32", False)


@contextmanager
def half_precision(name: str) -> Iterator[None]:
    """Within this block layers compute in a half precision, whatever their network's own dtype."""
    token = _at_work.set(HALVES[name])
    try:
        yield
    finally:
        with suppress(ValueError):  # another context: an interrupt has ended the block from there
            _at_work.reset(token)


def epsilon_at_work() -> float:
    """Return the machine epsilon of the half precision that a pass is computed in; 0: in none."""
    return _at_work.get()
