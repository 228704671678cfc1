"""Parameter groups: other numbers for some of the parameters."""

from collections.abc import Callable
from typing import Any

from portanet.errors import ArgumentError
from portanet.layer import Parameter

Belongs = Callable[[str, Parameter], bool]


class Group:
    """Parameters for which a rule has other numbers: those where belongs(name, parameter).

    A parameter is in the first group that it belongs to.

    >>> Group(is_vector, weight_decay=0.0)
    Group(is_vector, weight_decay=0.0)
    """

    def __init__(self, belongs: Belongs, **options: Any) -> None:
        if not callable(belongs) or not options:
            raise ArgumentError(
                "Group: give it a function of (name, parameter) and options of the optimizer, "
                f"such as Group(is_vector, weight_decay=0.0), not ({belongs!r}, {options!r})"
            )
        self.belongs, self.options = belongs, options

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"Group({getattr(self.belongs, '__name__', repr(self.belongs))}{options})"


def is_vector(name: str, parameter: Parameter) -> bool:  # noqa: ARG001 - what a group asks
    """Return whether a parameter has fewer than two axes: biases, and the scales of norms."""
    return parameter.value.ndim < 2
