"""The line of code that is at work: the innermost one that is neither ours nor a library's."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from portanet import errors
from portanet.errors import one_line
from portanet.layer import Part
from portanet.rule import Rule

# Modules that compute for somebody else: who called them is meant.
_MACHINERY = (
    "portanet.backends", "portanet.checks", "portanet.compiler", "portanet.dispatch",
    "portanet.draws", "portanet.half", "portanet.verify.audit", "array_api_compat",
    "array_api_strict", "cupy", "jax", "numpy", "torch", "contextlib",
)  # fmt: skip
_END = "portanet.verify.runs"  # which calls everything that is audited
_UNKNOWN = "a line that is not known"
_METHODS = {"forward", "backward", "loss", "gradient", "init", "update"}


def code_line() -> str:
    """Return the line at work, as "mymodel.py:17"."""
    return _line(_frames())


def error_with_line(error: BaseException) -> str:
    """Return an error's class, message and the line that raised it, in one line.

    >>> error_with_line(ValueError("no"))
    'ValueError: no'
    """
    frames = list(_of_traceback(error.__traceback__))
    line = _line(reversed(frames))
    return one_line(error) + (f" (at {line})" if line != _UNKNOWN else "")


def method_at_work() -> str:
    """Return "Linear.backward" while that computes, "" where no layer, loss or rule does."""
    for frame, _ in _frames():
        who: Any = frame.f_locals.get("self") if frame.f_code.co_name in _METHODS else None
        if isinstance(who, Part | Rule):
            return f"{type(who).__name__}.{frame.f_code.co_name}"
    return ""


def _frames() -> Iterator[tuple[FrameType, int]]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back


def _of_traceback(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _line(frames: Any) -> str:
    for frame, line in frames:
        module = f"{frame.f_globals.get('__name__', '')}."
        if module.startswith(f"{_END}."):
            break
        if not any(module.startswith(f"{other}.") for other in _MACHINERY):
            return f"{_shown(frame.f_code.co_filename)}:{line}"
    return _UNKNOWN


def _shown(file: str) -> str:
    """Return a path as short as it is clear: from the library's folder, or the present one."""
    path = Path(file)
    for folder in (Path(errors.__file__).parents[1], Path.cwd()):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return path.name
