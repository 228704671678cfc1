"""Dispatch: kernels of backends in place of plain definitions.

An `@accelerable` function has one plain array-API definition, which is the reference in tests, and
at most one kernel per backend, under the same name in that backend's `kernels`. Nothing else in the
library depends on the backend.

An array with a method `__call_kernel__` handles calls of kernels itself: the compiler's tracers
record them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import update_wrapper
from typing import Any

from portanet.backends import Backend, backend_of
from portanet.errors import DtypeError

ACCELERABLE: dict[str, "Accelerable"] = {}
"""Every accelerable function by name; tests compare it with the backends' kernels."""


class Accelerable:
    """A function with optional kernels of backends. `plain` is its definition."""

    def __init__(self, plain: Callable[..., Any]) -> None:
        self.plain, self.name = plain, plain.__name__
        update_wrapper(self, plain)
        ACCELERABLE[self.name] = self

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        """Call the kernel of x's backend, or the plain definition if it has none."""
        kernel = _kernels(x).get(self.name, self.plain)
        if kernel is not self.plain and hasattr(type(x), "__call_kernel__"):
            return x.__call_kernel__(self.name, kernel, self.plain, (x, *args), options)
        return kernel(x, *args, **options)


def accelerable(plain: Callable[..., Any]) -> Accelerable:
    """Replace `plain` by a backend's kernel of the same name, if there is one.

    The backend is that of the first argument, an array. It works for your own functions as well:

    >>> import numpy as np
    >>> @accelerable
    ... def doubled(x):
    ...     return x + x
    >>> doubled(np.asarray([1.0])), doubled.plain(np.asarray([1.0]))
    (array([2.]), array([2.]))
    """
    return Accelerable(plain)


def from_host(
    draw: Callable[[], Any], x: Any, function: Accelerable | None = None, *args: Any
) -> Any:
    """Return draw(), numbers made on the host for this step only, on the device of x.

    In a compiled step they are an input: draw is called before each step. Numbers that a layer
    draws in any other way would be constants of the compiled step.

    With an accelerable function it is function(draw(), *args): computed on the device if its
    backend has a kernel, which takes what was drawn from the host or the device; else computed on
    the host and copied. So where draw() is a few numbers, a device makes many of them.

    >>> import numpy as np
    >>> from_host(lambda: np.asarray([True, False]), np.zeros(2))
    array([ True, False])
    """
    if hasattr(type(x), "__from_host__"):
        return x.__from_host__(draw, function, args)
    given = _draws.get()
    drawn = draw() if given is None or not given else given.pop(0)
    return placed(drawn, backend_of(x), function, args)


def placed(drawn: Any, backend: Backend, function: Accelerable | None, args: Sequence[Any]) -> Any:
    """Return function(drawn, *args), or drawn without a function, as an array of a backend."""
    if function is not None and function.name in backend.kernels:
        return backend.kernels[function.name](drawn, *args)
    return backend.asarray(on_host(drawn, function, args))


def on_host(drawn: Any, function: Accelerable | None, args: Sequence[Any]) -> Any:
    """Return function(drawn, *args), or drawn without a function, computed on the host."""
    return drawn if function is None else function.plain(drawn, *args)


@contextmanager
def draws_given(draws: Iterable[Any]) -> Iterator[None]:
    """Within this block `from_host` takes these as drawn, in order, before it draws new ones."""
    token = _draws.set(list(draws))
    try:
        yield
    finally:
        with suppress(ValueError):  # another context: an interrupt has ended the block from there
            _draws.reset(token)


_draws: ContextVar[list[Any] | None] = ContextVar("draws", default=None)


def _kernels(x: Any) -> Any:
    try:
        return backend_of(x).kernels
    except DtypeError:
        if not hasattr(type(x), "__array_namespace__"):
            raise
        return {}
