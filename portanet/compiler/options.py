"""The option `fast` of compiled steps: what LLVM compiles, and when."""

from typing import Any, Literal

from portanet.errors import ArgumentError, short

SAME_BITS = "same bits"
Fast = bool | Literal["same bits"] | None


def check_fast(who: str, fast: Any) -> Fast:
    """Return the option. Raises ArgumentError unless it is None, a bool or "same bits"."""
    if fast is None or isinstance(fast, bool) or (isinstance(fast, str) and fast == SAME_BITS):
        return fast
    raise ArgumentError(
        f"{who}: fast must be True, False, {SAME_BITS!r} or None (LLVM compiles the step once that "
        f"pays), is {short(fast)}"
    )
