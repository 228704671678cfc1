"""What a program is: data, which is drawn, run, shortened and printed."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

Action = tuple[Any, ...]  # the name of an action, and its arguments


@dataclass(frozen=True)
class Program:
    """A network, how it is trained, and what happens.

    `front` is a row whose layer comes first, `middle` are rows and users' layers after it,
    `model` is a user's network. `way` is
    "step" (compile_step) or what a Trainer has beside its defaults ("trainer": nothing). `watch`
    says whether everything is looked at after each action, or only what actions return: a look may
    hide a fault, as it may make copies.
    """

    front: str = ""
    middle: tuple[str, ...] = ()
    model: str = ""
    loss: str = "MSE of columns"
    rule: str = "SGD"
    rate: str = "lr"
    options: tuple[str, ...] = ()
    dtype: str = "float64"
    backend: str = "numpy"
    way: str = "step"
    shuffle: bool = False
    fuse: bool = True
    fast: bool = False
    watch: bool = True
    seed: int = 0
    actions: tuple[Action, ...] = ()

    @property
    def precision(self) -> str:
        """The lowest precision that a program computes in."""
        rounds = any(a[0] == "to" and a[1] in ("float32", "there and back") for a in self.actions)
        return "float32" if rounds else self.dtype

    def with_actions(self, actions: Iterable[Action]) -> "Program":
        """Return this program with other actions."""
        return replace(self, actions=tuple(actions))

    def __repr__(self) -> str:
        """Return what makes this program: fields that have their defaults are left out."""
        given = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        return f"Program({', '.join(given)})"


WAYS = ("step", "trainer", "own step", "own loader", "own dataset", "memory map")
