"""Which part of a model is at work: words for people who look at a plan."""

import sys
from types import FrameType
from typing import Any

_METHODS = {"forward", "backward", "loss", "gradient", "update"}


def place_at_work(names: dict[int, str]) -> str:
    """Return "layers.0.forward" while that layer computes, found on the stack of calls.

    `names` has the names of a model's parts by their id. "" where none of them is at work.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in _METHODS:
            part: Any = frame.f_locals.get("self")
            if id(part) in names:
                return f"{names[id(part)]}.{frame.f_code.co_name}".lstrip(".")
        frame = frame.f_back
    return ""
