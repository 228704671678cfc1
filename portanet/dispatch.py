"""How a kernel replaces a plain definition.

An `@accelerable` function has one plain array-API definition, which people read and tests trust,
and at most one kernel a backend, under the same name in that backend's `kernels`. Nothing else in
the library asks which backend it runs on.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from portanet.backends import backend_of
from portanet.errors import DtypeError

ACCELERABLE: dict[str, "Accelerable"] = {}
"""Every accelerable function by its name; the tests compare it with the backends' kernels."""


class Accelerable:
    """A function that a backend may have a kernel for. `plain` is its definition."""

    def __init__(self, plain: Callable[..., Any]) -> None:
        self.plain, self.name = plain, plain.__name__
        update_wrapper(self, plain)
        ACCELERABLE[self.name] = self

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        """Call the kernel of the backend that x lives on, or the plain definition."""
        kernel = _kernels(x).get(self.name, self.plain)
        return kernel(x, *args, **options)


def accelerable(plain: Callable[..., Any]) -> Accelerable:
    """Let a backend's kernel of the same name stand in for `plain`.

    The first argument is an array: its backend decides. A user's own function works too:

    >>> import numpy as np
    >>> @accelerable
    ... def doubled(x):
    ...     return x + x
    >>> doubled(np.asarray([1.0])), doubled.plain(np.asarray([1.0]))
    (array([2.]), array([2.]))
    """
    return Accelerable(plain)


def _kernels(x: Any) -> Any:
    try:
        return backend_of(x).kernels
    except DtypeError:
        if not hasattr(type(x), "__array_namespace__"):
            raise
        return {}
