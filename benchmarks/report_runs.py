"""The page's second half: whole runs, load_digits, planning, growth."""

import statistics
from operator import sub
from typing import Any

from benchmarks.claims import OURS, READABLE, ours_of
from benchmarks.contenders.ours import STEPS_TO_PLAN
from benchmarks.growth import TITLES
from benchmarks.networks import NETWORKS
from benchmarks.planning import paid_after
from benchmarks.tables import size, slope, spread, table, time, times

Results = dict[str, Any]


def epochs(results: Results) -> str:
    """Return the tables of whole runs."""
    rows = []
    for name, runs in results.get("epochs", {}).items():
        for count, run in runs.items():
            rows += [[NETWORKS[name].title, count, *row] for row in epoch_rows(run)]
    if not rows:
        return ""
    head = ["network", "threads", "contender", "an epoch", "/ portanet", "kept of the steps' ratio"]
    return f"""## Whole runs

An epoch with shuffling, gathering of batches, loss sums, and the loss and accuracy on validation data, written as each library's
users write it. The last column is the ratio of the epochs by the ratio of the bare steps, measured by turns in the same process.

{table(head, rows)}"""


def epoch_rows(run: dict[str, Any]) -> list[list[str]]:
    """Return a row a contender."""
    seconds, rows = run["seconds"], []
    ours = OURS if f"{OURS}: epoch" in seconds else READABLE
    for key in (k for k in seconds if k.endswith(": epoch")):
        who = key.removesuffix(": epoch")
        ratio = spread(seconds[key], seconds[f"{ours}: epoch"])
        step = spread(seconds[f"{who}: step"], seconds[f"{ours}: step"])
        kept = "" if who.startswith("portanet") else f"{ratio[1] / step[1]:.0%}"
        rows.append([who, time(seconds[key]), times(ratio), kept])
    return rows + [[who, reason, "", ""] for who, reason in run["reasons"].items()]


def inference(results: Results) -> str:
    """Return the table of outputs alone."""
    rows = []
    for what, runs in results.get("inference", {}).items():
        name, _, size = what.partition("@")
        for count, run in runs.items():
            seconds, title = (
                run["seconds"],
                f"{NETWORKS[name].title.partition(', batch')[0]}, batch {size}",
            )
            rows += [
                [title, count, who, time(s), times(spread(s, seconds[OURS]))]
                for who, s in seconds.items()
            ]
            rows += [[title, count, who, reason, ""] for who, reason in run["reasons"].items()]
    head = ["network", "threads", "contender", "a pass", "/ portanet"]
    return (
        f"""## Inference

The outputs of a batch: `compile_forward` with `fast=True`, the readable forward pass, `predict` (checked, compiled, and the classes of the outputs), and PyTorch's module in evaluation and inference mode.

{table(head, rows)}"""
        if rows
        else ""
    )


def digits(results: Results) -> str:
    """Return the table of load_digits."""
    rows = []
    for count, run in results.get("digits", {}).items():
        seconds = run["seconds"]
        ours = ours_of(run) if seconds else ""
        rows += [
            [count, who, time(s), times(spread(s, seconds[ours]))] for who, s in seconds.items()
        ]
        rows += [[count, who, reason, ""] for who, reason in run["reasons"].items()]
    head = ["threads", "contender", "an epoch", "/ portanet"]
    return f"## load_digits, 64-64-10, batch 32, Adam\n\n{table(head, rows)}" if rows else ""


def planning(results: Results) -> str:
    """Return what planning costs."""
    rows = []
    for name, contenders in results.get("planning", {}).items():
        for who, found in contenders.items():
            rows.append([NETWORKS[name].title, who, *planning_cells(found)])
    if not rows:
        return ""
    head = [
        "network",
        "contender",
        "first plan",
        "further plans",
        "verified step",
        "saved a step",
        "paid after",
    ]
    return f"""## What planning costs

CPU seconds of `compile_step` and of the three steps that look at the data, plan and check, on one thread: first in a process that has taken a readable step, then the median of four more.
*Verified step*: what one takes beyond others (at steps 4, 8, 16 … 1,024 and every 1,024th). *Saved a step*: readable less compiled, the median of rounds in which they take turns.
By default a step is planned without LLVM first, and compiled from the step on that a rule over its operations gives. It has paid once all of this is less than readable steps would have taken.

{table(head, rows)}"""


def planning_cells(found: dict[str, Any]) -> list[str]:
    """Return the cells of one network and contender."""
    if "reason" in found:
        return [found["reason"], "", "", "", ""]
    first, *further = found["planning"]
    steps, verifying = found["steps"], statistics.median(found["verifying"])
    saved = statistics.median(map(sub, steps["readable"], steps["compiled"]))
    instead = STEPS_TO_PLAN * statistics.median(steps["readable"])
    n = paid_after(first - instead, verifying, saved)
    paid = "never" if n is None else f"{n} steps"
    return [
        time([first]), time(further), time([verifying]), time([saved]) if saved > 0 else "nothing",
        paid,
    ]  # fmt: skip


def growth(results: Results) -> str:
    """Return the tables of growth."""
    parts = []
    for axis, contenders in results.get("growth", {}).items():
        rows = [row for who, points in contenders.items() for row in growth_rows(who, points)]
        values = [str(p["value"]) for p in next(iter(contenders.values()))]
        head = ["contender", "", *values, "grows as"]
        parts.append(f"### {TITLES[axis]}\n\n{table(head, rows)}")
    return "\n\n".join([GROWTH, *parts]) if parts else ""


GROWTH = """## Growth of time and memory

One thread. Times are CPU seconds: the contenders of a point take turns in one process, of whose rounds these are the medians. Memory is
what the run needs beyond the arrays of its data, of each contender in a fresh process. *Arrays*: the most that NumPy's arrays held at a time (tracemalloc; PyTorch's are not seen), once in the first steps, in which the compiler traces, plans and checks,
and once after them. *Resident*: by how much the peak of the process' memory grew, all steps together, with libraries that are loaded
then (llvmlite) and their pools.
*Grows as*: the exponent between the last two points."""

MEASURES = {
    "seconds": "time",
    "traced": "arrays",
    "traced_first": "arrays, first steps",
    "resident": "resident",
}


def growth_rows(who: str, points: list[dict[str, Any]]) -> list[list[str]]:
    """Return a contender's rows: time, and memory by each measure that it has."""
    if "reason" in points[0]:
        return [[who, points[0]["reason"], *[""] * (len(points) + 1)]]
    rows = []
    for measure, name in MEASURES.items():
        if measure in points[0]:
            found = [p[measure] for p in points]
            cells = [time([f]) if measure == "seconds" else size(f) for f in found]
            rows.append([who, name, *cells, slope(points, measure)])
    return rows
