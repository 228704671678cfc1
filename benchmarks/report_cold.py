"""The page's part on cold starts: first steps, a second network, short trainings."""

import statistics
from typing import Any

from benchmarks.claims import OURS
from benchmarks.cold_networks import PAIRS, TITLES
from benchmarks.tables import digits, size, table, time

Results = dict[str, Any]
Points = list[dict[str, Any]]
AIMS: dict[str, tuple[float, str]] = {  # of `fast=True`: at most so many s, or times another's
    "blog": (0.6, ""),
    "mnist": (0.6, ""),
    "cnn": (1.2, ""),
    "transformer": (1.8, ""),
    "transformer-8": (1.5, "transformer"),
    "lstm": (1.8, ""),
    "lstm-200": (2, "lstm"),
    "deep": (1.5, ""),
}
OTHERS = {"transformer": "of 2 blocks", "lstm": "of length 50"}
HEAD = """## Cold starts

Each figure is of fresh processes on one thread: the median of their CPU seconds, in parentheses the least and the most. A *default*
portanet compiles at the step that a rule gives, mostly after the first four; *compiled* is `fast=True`, which compiles at once."""

FIRST = """### The first four steps

Summed, without what it takes to make data and weights; then with the import of the library. *Resident* is the largest the process
became; peers' processes hold NumPy and portanet, too, from which their weights come."""

SECOND = """### A second network of the same kind, in the same process

The first four steps of each with `fast=True`; the second has other widths."""

RUNS = """### Short trainings

5 epochs, 64 hidden units, Adam, batches of 32, on data that scikit-learn brings: a whole process from its start to its end. Nothing
but NumPy and the library is imported. Losses are the last epoch's means; the libraries draw their own initial weights."""


def cold(results: Results) -> str:
    """Return all tables of cold starts."""
    found = results.get("cold", {})
    parts = [part(found) for part in (first, second, runs) if found]
    return "\n\n".join([HEAD, *filter(None, parts)]) if found else ""


def first(found: Results) -> str:
    """Return the table of first steps."""
    rows = []
    for name, contenders in found.get("first", {}).items():
        for who, points in contenders.items():
            aim = aim_of(name, found["first"]) if who == OURS else ""
            rows.append([TITLES[name], who, *first_cells(points), aim])
    head = ["network", "contender", "first four steps", "with import", "resident", "aim"]
    return f"{FIRST}\n\n{table(head, rows)}" if rows else ""


def first_cells(points: Points) -> list[str]:
    """Return a contender's seconds and memory, or why there are none."""
    if "reason" in points[0]:
        return [points[0]["reason"], "", ""]
    steps = [p["steps"][0] for p in points]
    both = [p["steps"][0] + p["import"] for p in points]
    return [time(steps), time(both), size(max(p["resident"] for p in points))]


def aim_of(name: str, found: Results) -> str:
    """Return the aim of the first steps, and whether it was reached."""
    factor, other = AIMS[name]
    unit = seconds_of(other, found) if other else 1.0
    wanted = f"≤ {factor:g} x that {OTHERS[other]}" if other else f"≤ {factor:g} s"
    seconds = seconds_of(name, found)
    if seconds is None or unit is None:
        return f"{wanted} not measured"
    ratio = f", is {digits(seconds / unit)} x" if other else ""
    return f"{wanted}{ratio}: {'reached' if seconds <= factor * unit else '**missed**'}"


def seconds_of(name: str, found: Results) -> float | None:
    """Return the median of the first steps with fast=True, None where they were not measured."""
    points = [p for p in found.get(name, {}).get(OURS, []) if "steps" in p]
    return statistics.median(p["steps"][0] for p in points) if points else None


def second(found: Results) -> str:
    """Return the table of second networks."""
    rows = []
    for kind, contenders in found.get("second", {}).items():
        (points,) = contenders.values()
        one, other = (network.title for network in PAIRS[kind])
        if "reason" in points[0]:
            rows.append([one, points[0]["reason"], other, ""])
        else:
            seconds = [time([p["steps"][i] for p in points]) for i in range(2)]
            rows.append([one, seconds[0], other, seconds[1]])
    head = ["first network", "its first four steps", "second network", "its first four steps"]
    return f"{SECOND}\n\n{table(head, rows)}" if rows else ""


def runs(found: Results) -> str:
    """Return the table of short trainings."""
    rows = [
        [name.replace("_", " "), who, *run_cells(points)]
        for name, contenders in found.get("runs", {}).items()
        for who, points in contenders.items()
    ]
    head = ["data", "contender", "wall", "CPU", "loss"]
    return f"{RUNS}\n\n{table(head, rows)}" if rows else ""


def run_cells(points: Points) -> list[str]:
    """Return what a contender's processes took, and the last loss."""
    if "reason" in points[0]:
        return [points[0]["reason"], "", ""]
    wall, cpu = ([p[which] for p in points] for which in ("wall", "cpu"))
    return [time(wall), time(cpu), f"{points[-1]['loss']:.3g}"]
