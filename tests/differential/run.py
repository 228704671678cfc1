"""Run a program compiled and as it is written, and find the first thing that differs."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from differential.actions import ACTIONS, load_all
from differential.compare import Near, spread
from differential.observe import look, plain
from differential.program import Program
from differential.side import Side
from portanet import NotCompiledWarning

load_all()
MULTIPLE = 64  # of what a rounding of the first weights does to a program's results
TINY = {"float64": 2.0**-52, "float32": 2.0**-23}
ENDS_TORN = ("step", "step_with", "train", "by_hand", "gradients_only")
TAKES_STEPS = (
    *ENDS_TORN, "odd_step", "bad_lr", "trainer_step", "second_step", "many_steps", "many_sizes",
    "step_with_nan", "train_another",
)  # fmt: skip
STOPS = ("interrupt", "interrupt_by_signal")


@dataclass
class Record:
    """What one action did: what was seen, the exception's class, the warnings."""

    seen: dict[str, Any]
    error: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass
class Fault:
    """A difference between the two runs of a program, at an action (counted from 0)."""

    program: Program
    at: int
    what: str

    def __str__(self) -> str:
        action = self.program.actions[self.at] if self.at >= 0 else "the beginning"
        return f"after action {self.at}, {action}: {self.what}\n{self.program!r}"


@dataclass
class Outcome:
    """A program's fault, if it has one; the refusals; `loose`: only rounding, magnified, differs."""

    fault: Fault | None
    refusals: list[str]
    errors: int
    loose: bool = False


def run(program: Program) -> Outcome:
    """Run a program both ways and compare."""
    resolved: dict[int, Any] = {}
    return judged(program, records(program, compiled=True, resolved=resolved), resolved)


def judged(program: Program, mine: list[Record], resolved: dict[int, Any]) -> Outcome:
    """Compare a compiled run's records with the readable run's."""
    wanted = records(program, compiled=False, resolved=resolved)
    fault, loose = compare(program, mine, wanted), False
    if fault is not None and "off by" in fault.what:
        eps = 4 * TINY[program.precision]
        nudged = records(program, compiled=False, resolved=resolved, perturbed=eps)
        fault, loose = compare(program, mine, wanted, nudged), True
    refusals = [text for record in mine for text in record.warnings]
    n_errors = sum(record.error is not None for record in wanted)
    return Outcome(fault, refusals, n_errors, loose and fault is None)


def records(program: Program, **options: Any) -> list[Record]:
    """Run a program one way, and return what each action did."""
    side = Side(program, **options)
    found, n = [], len(program.actions)
    for i, action in enumerate(program.actions):
        side.at = i
        found.append(act(side, action, watch=program.watch or i == n - 1))
        if side.over or (action[0] in STOPS and not side.pure):
            break
    return found


def act(side: Side, action: tuple[Any, ...], *, watch: bool) -> Record:
    """Do one thing, and look."""
    name, *arguments = action
    record = Record({})
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            result = ACTIONS[name].run(side, *arguments)
            record.seen["result"] = plain(result)
            side.torn = side.torn and (name not in ENDS_TORN)
        except Exception as error:  # noqa: BLE001 - what is raised is compared
            record.error = type(error).__name__
            record.seen["message"] = str(error)
            if name in TAKES_STEPS and not side.pure:
                side.over = True  # it may have stopped halfway
        if (watch or name in STOPS) and not side.over:
            record.seen |= _seen(side, name)
    record.warnings = [str(w.message) for w in caught if w.category is NotCompiledWarning]
    return record


def _seen(side: Side, name: str) -> dict[str, Any]:
    try:
        seen = look(side)
    except Exception as error:  # noqa: BLE001 - as what an action raises
        return {"look": type(error).__name__}
    if name not in STOPS:
        return seen
    whole = ("values.", "slots.", "numbers", "n_steps")
    return {key: value for key, value in seen.items() if key.startswith(whole)}


def compare(
    program: Program, mine: list[Record], wanted: list[Record], nudged: list[Record] | None = None
) -> Fault | None:
    """Return the first fault; `nudged` is the readable run from weights that are a rounding off."""
    for i, (a, b) in enumerate(zip(mine, wanted, strict=True)):
        if a.error != b.error:
            said = a.seen.get("message") or b.seen.get("message")
            return Fault(program, i, f"raises {a.error}, not {b.error}: {said}")
        slack = {}
        if nudged is not None:
            c = nudged[i].seen
            slack = {n: MULTIPLE * spread(c[n], v) for n, v in b.seen.items() if n in c}
        seen = ({k: v for k, v in r.seen.items() if k != "message"} for r in (a, b))
        why = Near(program.precision, slack).first_difference(*seen)
        if why is not None:
            return Fault(program, i, why)
    return None
