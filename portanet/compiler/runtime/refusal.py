"""The one warning that says why steps run as they are written."""

import sys
import warnings

from portanet.compiler.errors import NotCompiledWarning


def warn_uncompiled(who: str, why: str) -> None:
    """Warn, at the line of the user's that led here."""
    warnings.warn(
        f"{who}: running uncompiled: {why} (pass compile=False to silence this warning)",
        NotCompiledWarning,
        stacklevel=_users_level(),
    )


def _users_level() -> int:
    """Return how many frames up the first one outside of portanet is."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("portanet"):
        frame, level = frame.f_back, level + 1
    return level
