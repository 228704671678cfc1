"""Random programs."""

import random

from differential import losses, networks, rules
from differential.actions import ACTIONS, fits
from differential.program import WAYS, Action, Program
from portanet.backends._llvm import machine

MOST_ACTIONS = 14
# A new kernel takes LLVM some 40 ms, so not all programs are run by it.
FAST = 0.15


def draw_program(rng: random.Random) -> Program:
    """Return a program; what it has is a function of the generator's numbers."""
    base = draw_base(rng)
    n = rng.randint(4, MOST_ACTIONS)
    names = draw_names(rng, base["way"])
    actions = [draw_action(rng, names) for _ in range(n)]
    if rng.random() < 0.7 and any(name in networks.SETTINGS for name in base["middle"]):
        actions.insert(rng.randint(2, n), ("change_setting", 0.5))
    return Program(
        **base, actions=tuple(actions), seed=rng.randrange(1000), watch=rng.random() < 0.6
    )


def draw_names(rng: random.Random, way: str) -> list[str]:
    """Return the actions of a program: in every other one, few kinds beside the training itself.

    Where much happens between steps, plans are looked at so often that little is overlooked.
    """
    names = [name for name in ACTIONS if fits(name, way)]
    if rng.random() < 0.5:
        return names
    few = rng.sample(names, rng.randint(1, 4))
    return [name for name in names if name in (*few, "step", "train")]


def draw_action(rng: random.Random, names: list[str]) -> Action:
    """Return one of some actions, and its arguments."""
    weights = [ACTIONS[name].weight for name in names]
    name = rng.choices(names, weights)[0]
    return (name, *(rng.choice(choice) for choice in ACTIONS[name].choices))


def draw_base(rng: random.Random) -> dict:
    """Return a program's fields, but for its actions."""
    rule = rng.choice(list(rules.RULES)) if rng.random() < 0.6 else "SGD"
    front = rng.choice(list(networks.ROWS)) if rng.random() < 0.3 else ""
    loss = rng.choice(list(losses.LOSSES)) if rng.random() < 0.4 else Program.loss
    return {
        "front": front,
        "middle": _middle(rng),
        "model": rng.choice(list(networks.MODELS)) if rng.random() < 0.1 else "",
        "loss": loss,
        "rule": rule,
        "rate": rng.choice(list(rules.RATES)) if rng.random() < 0.3 else "lr",
        "options": tuple(rng.sample(list(rules.OPTIONS), rng.choice([0, 0, 0, 1, 2]))),
        "dtype": "float32" if rng.random() < 0.15 else "float64",
        "way": "step" if rng.random() < 0.6 else rng.choice(["trainer", "trainer", *WAYS[1:]]),
        "shuffle": rng.random() < 0.5,
        "fuse": rule not in rules.AMPLIFYING and rng.random() < 0.6,
        "fast": machine.available() and rng.random() < FAST,
    }


def _middle(rng: random.Random) -> tuple[str, ...]:
    """Return up to three layers, own ones and rows alike."""
    n = rng.choice([0, 1, 1, 1, 2, 2, 3])
    own, rows = list(networks.OWN), [r for r in networks.ROWS if not networks.takes_integers(r)]
    return tuple(rng.choice(own if rng.random() < 0.5 else rows) for _ in range(n))
