"""What the ranks of a distributed step decide together: all of them replay, or none does."""

from typing import TypeVar

from portanet.joined import agreed, present_share

T = TypeVar("T")


def has_rows() -> bool:
    """Return whether every rank has a row of the batch; else its step runs as it is written."""
    share = present_share()
    return share is None or share.n >= share.ranks


def same_on_all_ranks(made: T | None, why: str | None) -> tuple[T | None, str | None]:
    """Return what was made, or why not; nothing where another rank could not make it.

    `why` is None where it may be tried again: then it is tried again on all ranks.
    """
    if present_share() is None:
        return made, why
    status = 0 if made is not None else 1 if why is None else 2
    worst = agreed(status)
    if worst <= status:
        return made, why
    return None, None if worst == 1 else "another rank cannot compile its step"
