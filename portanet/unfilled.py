"""Arrays without numbers: what initializers return while a network is rebuilt from a file.

The network gets its arrays from the file afterwards. So nothing is drawn, and a file that asks for
a layer of 10⁹ x 10⁹ weights gets an error, and no memory.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from math import prod
from typing import Any, Concatenate, ParamSpec

import numpy as np

from portanet.errors import CheckpointError, short
from portanet.typing import Array

Shape = tuple[int, ...]
_Rest = ParamSpec("_Rest")


@dataclass
class Allowance:
    """How many arrays a network may have, and how many numbers each of them."""

    n_arrays: int
    n_numbers: int
    writable: bool = False  # within constructors of a user's own, which may fill what they get

    def array(self, shape: Shape) -> Array:
        """Return float32 zeros that take no memory. Raises CheckpointError if they are too many."""
        self.n_arrays -= 1
        if self.n_arrays < 0:
            raise CheckpointError("it has many more arrays than the file")
        if prod(shape) > self.n_numbers:
            raise CheckpointError(
                f"an array must have at most the {self.n_numbers} numbers of the file, has the "
                f"shape {short(shape)}"
            )
        zero = np.zeros(shape if self.writable else (), np.float32)
        return zero if self.writable else np.broadcast_to(zero, shape)


_allowance: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def unfilled(allowance: Allowance) -> Iterator[None]:
    """Within this block initializers draw nothing.

    >>> from portanet import Linear
    >>> with unfilled(Allowance(n_arrays=2, n_numbers=10**12)):
    ...     layer = Linear(10**6, 10**6, bias=False)
    >>> layer.weights
    Parameter((1000000, 1000000), float32)
    """
    token = _allowance.set(allowance)
    try:
        yield
    finally:
        _allowance.reset(token)


def drawn(function: Callable[..., Array], shape: Shape, *args: Any, **options: Any) -> Array:
    """Return function(shape, …), or within `unfilled` an array without numbers."""
    allowance = _allowance.get()
    return function(shape, *args, **options) if allowance is None else allowance.array(shape)


def initializer(
    function: Callable[Concatenate[Shape, _Rest], Array],
) -> Callable[Concatenate[Shape, _Rest], Array]:
    """Let a function of (shape, …) draw nothing within `unfilled`."""

    @wraps(function)
    def checked(shape: Shape, *args: _Rest.args, **options: _Rest.kwargs) -> Array:
        return drawn(function, shape, *args, **options)

    return checked
