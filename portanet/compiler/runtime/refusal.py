"""The warnings that say why steps run as they are written, or slower than they could."""

import sys
import warnings

from portanet.compiler.errors import NotCompiledWarning


def warn_uncompiled(who: str, why: str, instead: str = "pass compile=False") -> None:
    """Warn that steps run uncompiled, at the line of the user's that led here."""
    _warn(f"{who}: running uncompiled: {why} ({instead} to silence this warning)")


def warn_rejected(why: str) -> None:
    """Warn that a faster version of a plan is not used, at the line of the user's."""
    _warn(
        f"the compiled version was rejected, continuing with the NumPy version: {why} (pass "
        "fast=False to silence this warning)"
    )


def _warn(message: str) -> None:
    warnings.warn(message, NotCompiledWarning, stacklevel=_users_level())


def _users_level() -> int:
    """Return how many frames above `_warn` the first one outside of portanet is."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("portanet"):
        frame, level = frame.f_back, level + 1
    return level
