"""Calls in a context of their own, which an interrupt cannot leave half restored."""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any


def isolated(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a copy of the current context, and return what it returns.

    What it switches off in a context variable (value checks, shuffling) is on again afterwards. A
    `with` block alone does not promise that: Ctrl-C may come between its first instructions.
    """
    return copy_context().run(function, *args)
