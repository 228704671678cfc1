"""The shortest program with a fault of the same kind."""

import re
from collections.abc import Iterator
from dataclasses import replace

from differential.program import Program
from differential.run import Fault, run

DEFAULTS = (
    "front",
    "model",
    "loss",
    "rule",
    "rate",
    "options",
    "way",
    "shuffle",
    "fuse",
    "dtype",
    "watch",
    "seed",
)


def kind(fault: Fault) -> str:
    """Return what sort of difference a fault is, without numbers and names."""
    if fault.what.startswith("raises"):
        return re.match(r"raises \w+, not \w+", fault.what)[0]  # type: ignore[index]
    return re.match(r"[a-z_]+", fault.what)[0]  # type: ignore[index]


def label(fault: Fault) -> str:
    """Return what a short fault is about: the kind, and all that is not a default."""
    p = fault.program
    parts = [p.front, *p.middle]
    parts += [getattr(p, n) for n in DEFAULTS[1:7] if getattr(p, n) != getattr(Program, n, None)]
    actions = [a[0] for a in p.actions if a[0] not in ("step", "train")]
    return " | ".join([kind(fault), *(str(part) for part in parts if part), *actions])


def shortened(fault: Fault, most_runs: int = 150) -> Fault:
    """Return a fault of the same kind in a program that cannot be made shorter one thing at a time."""
    wanted, left = kind(fault), most_runs
    progress = True
    while progress and left > 0:
        progress = False
        for program in _shorter(fault.program):
            left -= 1
            found = run(program).fault
            if found is not None and kind(found) == wanted:
                fault, progress = found, True
                break
            if left <= 0:
                break
    return fault


def _shorter(program: Program) -> Iterator[Program]:
    """Yield programs with one thing less, the largest things first."""
    actions = program.actions
    for size in (8, 4, 2, 1):
        for i in range(len(actions) - size, -1, -size):
            if len(actions) > size:
                yield replace(program, actions=actions[:i] + actions[i + size :])
    for i in range(len(program.middle)):
        yield replace(program, middle=program.middle[:i] + program.middle[i + 1 :])
    for name in DEFAULTS:
        default = getattr(Program, name)
        if getattr(program, name) != default and not (name == "way" and _trains(program)):
            yield replace(program, **{name: default})
    if program.way not in ("step", "trainer"):
        yield replace(program, way="trainer")
    yield from _plainer_actions(program)


def _trains(program: Program) -> bool:
    from differential.actions import fits

    return not all(fits(action[0], "step") for action in program.actions)


def _plainer_actions(program: Program) -> Iterator[Program]:
    plain = {"step": ("step", 8, "C"), "train": ("train", 1)}
    for i, action in enumerate(program.actions):
        simple = plain.get(action[0], action)
        if action != simple:
            yield replace(
                program, actions=(*program.actions[:i], simple, *program.actions[i + 1 :])
            )
