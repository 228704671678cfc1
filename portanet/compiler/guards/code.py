"""What the code of users' functions reads: globals and closure cells, by name."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

# Their code and their settings are taken for granted: guarding them would cost more than it gives.
LIBRARIES = sys.stdlib_module_names | {
    "array_api_compat", "array_api_strict", "cupy", "cupyx", "jax", "jaxlib", "llvmlite", "numba",
    "numpy", "portanet", "scipy", "torch",
}  # fmt: skip
# A function that asks these gives another answer each time.
NEVER_THE_SAME = {"time", "datetime", "secrets", "uuid"}
_OF_THE_PROCESS = {"environ", "getenv", "urandom"}  # of os: nobody says when they change


def is_library(module: Any) -> bool:
    """Return whether a module, by its name, is a library's and not a user's."""
    return not isinstance(module, str) or module.partition(".")[0] in LIBRARIES


def globals_read(function: FunctionType) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield (dict, key, name) of every global that a function's code names.

    Of a user's module those attributes are yielded that the code names, too.
    """
    names, known = names_in(function.__code__), function.__globals__
    for key in sorted(names & known.keys()):
        yield known, key, f"{function.__module__}.{key}"
        value = known[key]
        if isinstance(value, ModuleType) and not is_library(value.__name__):
            attributes = vars(value)
            for attribute in sorted(names & attributes.keys()):
                yield attributes, attribute, f"{value.__name__}.{attribute}"


def clocks_read(function: FunctionType) -> list[str]:
    """Return the names of the modules a function asks that never answer the same twice."""
    known = function.__globals__
    values = [(key, known[key]) for key in sorted(names_in(function.__code__) & known.keys())]
    found = [key for key, value in values if _home(value) in NEVER_THE_SAME]
    if any(value is os for _, value in values):
        found += sorted(f"os.{name}" for name in _OF_THE_PROCESS & names_in(function.__code__))
    return found


@cache
def names_in(code: CodeType) -> frozenset[str]:
    """Return all names that are not local in a function's code, those of inner functions too."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= names_in(constant)
    return frozenset(names)


def _home(value: Any) -> str:
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(module).partition(".")[0]
