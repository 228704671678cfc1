"""One plain program for each layer, rule, loss, model, rate and option: steps, a change, steps.

Random programs do so much between two steps that a plan is looked at, or made, anew most of the
time; what is overlooked shows where little happens.
"""

from collections.abc import Iterator

from differential import losses, models, networks, rules
from differential.program import Action, Program

CHANGES = ("change_setting", "change_model", "own_option")
TAKE: dict[str, tuple[Action, ...]] = {"step": (("step", 8, "C"),) * 3, "trainer": (("train", 1),)}
LOOK: dict[str, Action] = {"step": ("predict", 8), "trainer": ("evaluate", "val_dl")}


def plain_program(way: str, **fields) -> Program:
    """Return a program that trains, looks, changes settings, and trains on."""
    take, look = TAKE[way], LOOK[way]
    actions = [*take, look, *((change, 0.5) for change in CHANGES), *take, look, *take]
    actions += [("change_setting", 1.5), *take, look, *take]
    return Program(way=way, watch=False, actions=tuple(actions), **fields)


def plain_programs(way: str) -> Iterator[Program]:
    """Yield a program for everything that programs are made of."""
    fields = [{"middle": (name,)} for name in (*networks.OWN, *networks.ROWS)]
    fields = [f for f in fields if not networks.takes_integers(f["middle"][0])]
    fields += [{"front": name} for name in networks.ROWS]
    fields += [{"rule": name} for name in rules.RULES]
    fields += [{"rule": name, "options": ("group lr", "accumulate")} for name in rules.RULES]
    fields += [{"rate": name, "options": ("accumulate 3",)} for name in rules.RATES]
    fields += [{"rate": name} for name in rules.RATES]
    fields += [{"options": (name,)} for name in rules.OPTIONS]
    fields += [{"loss": name} for name in losses.LOSSES]
    fields += [{"model": name} for name in models.MODELS]
    for field in fields:
        yield plain_program(way, **field)
