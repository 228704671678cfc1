"""Tables and a plot of what estimators.py has measured."""

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.contenders import require
from benchmarks.tables import time

OTHER, OURS = "scikit-learn", "portanet"
BAR = 0.35  # the width of a bar
FILE = Path(__file__).with_name("estimators.json")
HEAD = """## portanet.estimators beside scikit-learn's MLPs

Medians by the clock, X in float64; *ratio* is scikit-learn's time divided by ours. *Process*: from the start of Python to its end.
Measured by `python -m benchmarks.estimators`; what was aimed at, and float32, in [estimators.md](estimators.md).

![Times of scikit-learn's fits, divided by ours](estimators.png)"""


def estimators() -> str:
    """Return the part of docs/benchmarks.md, "" if nothing was measured."""
    if not FILE.exists():
        return ""
    results = json.loads(FILE.read_text())
    return f"{HEAD}\n\n{times(results)}"


def report(results: dict[str, Any]) -> str:
    """Return the tables in Markdown; draw docs/estimators.png."""
    tables = [times(results)]
    if "scores, 1" in results:
        tables.append(_scores(results["scores, 1"]))
    if "fit, 1" in results:
        _draw(results, "docs/estimators.png")
    return "\n\n".join(tables)


def times(results: dict[str, Any]) -> str:
    """Return the tables of fits and predictions."""
    tables = [
        _times("fit, default settings", "fit", results),
        _times("the same, each data set in a process of its own", "alone", results),
        _times("first fit of a process, empty caches", "first", results),
        _times("predict, rows", "predict", results),
    ]
    return "\n\n".join(tables)


def _times(title: str, part: str, results: dict[str, Any]) -> str:
    lines = [f"| {title} | threads | {OTHER} | {OURS} | ratio |", "|---|---|---|---|---|"]
    for threads in ("1", "2"):
        for name, times in results.get(f"{part}, {threads}", {}).items():
            theirs, ours = (statistics.median(times[library]) for library in (OTHER, OURS))
            shown = f"{time([theirs])} | {time([ours])} | {theirs / ours:.2f}"
            lines.append(f"| {name} | {threads} | {shown} |")
    return "\n".join(lines)


def _scores(found: dict[str, dict[str, list[float]]]) -> str:
    """Return the mean scores, and a paired t-test of the differences."""
    stats = require("scipy.stats")
    lines = [
        f"| data | {OTHER} | {OURS} | mean difference (95 % interval) | p |",
        "|---|---|---|---|---|",
    ]
    for name, scores in found.items():
        theirs, ours = scores[OTHER], scores[OURS]
        differences = [b - a for a, b in zip(theirs, ours, strict=True)]
        mean, n = statistics.mean(differences), len(differences)
        error = statistics.stdev(differences) / n**0.5
        reach = error * stats.t.ppf(0.975, n - 1)
        p = f"{stats.ttest_rel(ours, theirs).pvalue:.2g}" if error else "1"
        shown = f"{statistics.mean(theirs):.4f} | {statistics.mean(ours):.4f}"
        lines.append(
            f"| {name} | {shown} | {mean:+.5f} ({mean - reach:+.5f} … {mean + reach:+.5f}) | {p} |"
        )
    return "\n".join(lines)


def _draw(results: dict[str, Any], path: str) -> None:
    """Save the ratios of fits as bars, one for each number of threads."""
    figure = require("matplotlib.figure").Figure(figsize=(7, 3), layout="constrained")
    axes, names = figure.add_subplot(), list(results["fit, 1"])
    for i, (threads, colour) in enumerate((("1", "#c44e52"), ("2", "#e8a8aa"))):
        medians = [
            [statistics.median(results[f"fit, {threads}"][name][who]) for who in (OTHER, OURS)]
            for name in names
        ]
        places = [at + (i - 0.5) * BAR for at in range(len(names))]
        ratios = [theirs / ours for theirs, ours in medians]
        label = f"{threads} thread{'s' * (threads != '1')}"
        bars = axes.bar(places, ratios, BAR, color=colour, label=label)
        axes.bar_label(bars, [f"{ratio:.1f}" for ratio in ratios])
    axes.axhline(1, color="#5b7083", linewidth=1)
    axes.margins(y=0.12)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("time of scikit-learn's fit / ours")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
