"""The table of actions: what a program does, each a function of a side and its arguments."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """An action's function, the values of each argument, and where it makes sense."""

    run: Callable[..., Any]
    choices: tuple[Sequence[Any], ...]
    where: str  # "step", "trainer" or "both"
    weight: int


ACTIONS: dict[str, Kind] = {}


def action(*choices: Sequence[Any], where: str = "both", weight: int = 2) -> Callable[..., Any]:
    """Register a function of a side as an action; what it returns must be the same on both sides."""

    def register(run: Callable[..., Any]) -> Callable[..., Any]:
        ACTIONS[run.__name__] = Kind(run, choices, where, weight)
        return run

    return register


def fits(name: str, way: str) -> bool:
    """Return whether an action makes sense in a program of a way."""
    where = ACTIONS[name].where
    return where == "both" or (where == "step") == (way == "step")


def load_all() -> None:
    """Import the files that register actions."""
    from differential import (  # noqa: F401
        actions_copies,
        actions_network,
        actions_optimizer,
        actions_tampering,
        actions_training,
        interrupts,
    )
