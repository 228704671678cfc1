"""Parameter groups: other options of an optimizer for some of the parameters."""

from collections.abc import Callable
from typing import Any

from portanet.errors import ArgumentError, short
from portanet.layer import Parameter

Belongs = Callable[[str, Parameter], bool]


class Group:
    """Options of an optimizer for the parameters where belongs(name, parameter) is true.

    If several groups match, the first one applies.

    >>> Group(is_vector, weight_decay=0.0)
    Group(is_vector, weight_decay=0.0)
    """

    def __init__(self, belongs: Belongs, **options: Any) -> None:
        if not callable(belongs) or not options:
            raise ArgumentError(
                "Group: needs a function of (name, parameter) and options of the optimizer, such "
                "as Group(is_vector, weight_decay=0.0), is "
                f"Group({short(belongs)}, {short(options)})"
            )
        self.belongs, self.options = belongs, options

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"Group({getattr(self.belongs, '__name__', repr(self.belongs))}{options})"


def is_vector(name: str, parameter: Parameter) -> bool:  # noqa: ARG001 - the signature of `belongs`
    """Return whether a parameter has fewer than two axes: biases, and the scales of norms."""
    return parameter.value.ndim < 2
