"""Errors from within a network: which of its layers raised them, in the shapes of the user."""

import re
from collections.abc import Iterator
from typing import Any

from portanet.errors import PortanetError


def name_place(error: Exception, network: Any) -> None:
    """Let an error's message begin with the name of the layer that raised it, as in named_parts().

    Called where a network catches an error of its layers, to raise it again. A network that is
    part of another one calls it first: the name in the outer one replaces that in the inner one.
    """
    if not isinstance(error, PortanetError | NotImplementedError) or not error.args:
        return
    names = {id(part): name for name, part in network.named_parts().items()}
    name = next((names[key] for key in _selves(error) if key in names), "")
    if name:
        said = vars(error).setdefault("said", error.args[0])  # without a place
        error.args = (f"{name} {said}", *error.args[1:])


def of_samples(error: Exception, n: Any) -> str:
    """Return an error's message, where one sample was tried, with n samples in its place.

    >>> of_samples(ValueError("Linear(5, 1): x must be (N, 5), is (1, 4)"), 64)
    'Linear(5, 1): x must be (N, 5), is (64, 4)'
    """
    return re.sub(r"\b(is|of shape|of x,|has|are) \(1,", rf"\1 ({n},", str(error))


def _selves(error: Exception) -> Iterator[int]:
    """Yield the id of `self` in each method that an error went through, the innermost first."""
    frames, traceback = [], error.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    for frame in reversed(frames):
        yield id(frame.f_locals.get("self"))
