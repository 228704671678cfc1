"""Which part of a model is at work: words for people who look at a plan."""

import sys
from types import FrameType
from typing import Any

_METHODS = {"forward", "backward", "loss", "gradient", "update"}


class CallSite:
    """Says which part of a model computes; `names` has the parts' names by their ids."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self._frame: FrameType | None = None  # where it was found last, which most calls are from
        self._place = ""

    def __call__(self) -> str:
        """Return "layers.0.forward" while that layer computes, found on the stack of calls.

        "" where none of the parts is at work.
        """
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame is self._frame:
                return self._place
            if frame.f_code.co_name in _METHODS:
                part: Any = frame.f_locals.get("self")
                if id(part) in self._names:
                    place = f"{self._names[id(part)]}.{frame.f_code.co_name}".lstrip(".")
                    self._frame, self._place = frame, place
                    return place
            frame = frame.f_back
        return ""
