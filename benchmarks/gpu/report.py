"""The file that `make gpu` leaves: text, then the same as JSON. Nothing in it says whose machine."""

import json
import re
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.gpu.device import SIMULATED
from benchmarks.gpu.running import FAILED, NOT_RUN, PASSED, Outcome
from benchmarks.networks import NETWORKS

MARK = "===== the same as JSON"
END = 60  # lines of a failed stage: what it said last
STEP = "step: "


def report(facts: dict[str, Any], stages: Sequence[Outcome], wanted: Sequence[str]) -> str:
    """Return the file's text.

    facts   what ran where: see __main__.py; facts["device"] is None without one
    stages  what became of those that have ended
    wanted  the names of all
    """
    stages = [without_places(outcome) for outcome in stages]
    head = "\n".join([
        "portanet on a CUDA device: the report of `make gpu`",
        *(f"{name}: {said(value)}" for name, value in facts.items()),
        f"RESULT: {counted(stages, wanted)}",
    ])  # fmt: skip
    device = facts["device"] or {}
    warning = ", which say nothing about a GPU: this is CuPy on a CPU"
    note = warning if device.get("simulated") else ""
    parts = [head, listed(stages, wanted), times(stages, note)]
    parts += [f"===== {o.name}\n{shown(o)}" for o in stages if shown(o)]
    kept = {"facts": facts, "stages": [asdict(outcome) for outcome in stages]}
    return "\n\n".join(filter(None, [*parts, f"{MARK}\n{json.dumps(kept)}"])) + "\n"


def said(value: Any) -> str:
    """Return a fact as text."""
    if value is None:
        return "none was found"
    if not isinstance(value, dict):
        return str(value)
    first = [SIMULATED] if value.get("simulated") else []
    return "; ".join([*first, *(f"{k} {said(v)}" for k, v in value.items() if k != "simulated")])


def counted(stages: Sequence[Outcome], wanted: Sequence[str]) -> str:
    """Return how many stages passed, failed, were not run, and have not had their turn."""
    counts = Counter(outcome.state for outcome in stages)
    counts["NOT REACHED"] = len(wanted) - len(stages)
    names = (PASSED, FAILED, NOT_RUN, "NOT REACHED")
    return ", ".join(f"{counts[name]} {name}" for name in names if counts[name])


def listed(stages: Sequence[Outcome], wanted: Sequence[str]) -> str:
    """Return a line for each stage."""
    lines = [f"{o.state:8} {o.name:28} {o.seconds:6.0f} s  {o.why}".rstrip() for o in stages]
    return "\n".join([*lines, *(f"NOT REACHED  {name}" for name in wanted[len(stages) :])])


def times(stages: Sequence[Outcome], note: str = "") -> str:
    """Return the table of training steps in microseconds, and why some are missing."""
    found = {o.name.removeprefix(STEP): o.answer for o in stages if o.name.startswith(STEP)}
    answers = {name: answer for name, answer in found.items() if answer}
    if not answers:
        return ""
    who = list(dict.fromkeys(w for a in answers.values() for w in (*a["seconds"], *a["reasons"])))
    lines = [f"µs for a training step: median (fastest - slowest round){note}"]
    for name, answer in answers.items():
        lines.append(f"{name}: {NETWORKS[name].title}")
        lines += [f"    {w:24} {of(answer, w)}" for w in who]
        if answer["not captured"]:
            lines.append(f"    not captured as a graph: {answer['not captured']}")
    return "\n".join(lines)


def of(answer: dict[str, Any], who: str) -> str:
    """Return what one way of taking a step took, or why it did not run."""
    if who not in answer["seconds"]:
        return answer["reasons"].get(who, "")
    micro = [1e6 * seconds for seconds in answer["seconds"][who]]
    return f"{median(micro):10.1f} ({min(micro):.1f} - {max(micro):.1f})"


def shown(outcome: Outcome) -> str:
    """Return what a stage printed, as far as the report has it."""
    if outcome.state == FAILED:
        return "\n".join([outcome.why, *outcome.output.splitlines()[-END:]])
    return outcome.output.strip() if outcome.shows else ""


def without_places(outcome: Outcome) -> Outcome:
    """Return an outcome whose texts name no folder, no address and no machine."""
    answer = json.loads(cleaned(json.dumps(outcome.answer)))
    return Outcome(
        outcome.name, outcome.state, outcome.seconds, cleaned(outcome.why),
        cleaned(outcome.output), answer, outcome.shows,
    )  # fmt: skip


def cleaned(text: str) -> str:
    """Return a text without addresses, folders and the machine's name; files keep their names.

    >>> cleaned('File "/home/somebody/clone/portanet/layer.py", line 3, see https://a.host/x')
    'File "…/layer.py", line 3, see <address>'
    """
    text = re.sub(r"\b\w+://[^\s\"']+", "<address>", text)
    text = text.replace(str(Path.home()), "~") if len(str(Path.home())) > 1 else text
    text = re.sub(r"(?<![\w.:/…])~?/(?:[\w.+@=~ -]*[\w.+@=~-]/)+", "…/", text)
    name = socket.gethostname()
    return re.sub(rf"\b{re.escape(name)}\b", "<machine>", text) if len(name) > 3 else text
