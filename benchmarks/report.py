"""docs/benchmarks.md from results.json: tables, and nothing typed by hand."""

from typing import Any

from benchmarks.claims import AIMS, floor_of, measured, ours_of, verdict
from benchmarks.networks import NETWORKS
from benchmarks.report_cold import cold
from benchmarks.report_estimators import estimators
from benchmarks.report_runs import digits, epochs, growth, inference, planning
from benchmarks.tables import spread, table, time, times

Results = dict[str, Any]


def report(results: Results) -> str:
    """Return the page."""
    parts = [HEAD, machine(results), aims(results), "## The time of a training step", STEPS]
    parts += [steps(results, name) for name in results.get("steps", {})]
    parts += [blas(results), epochs(results), inference(results), digits(results)]
    parts += [planning(results), cold(results), growth(results), estimators()]
    return "\n\n".join(part for part in parts if part) + "\n"


HEAD = """# Benchmarks

`make bench` (or `python -m benchmarks`) measures all of this anew and writes this page and its plot from
`benchmarks/results.json`; `python -m benchmarks --quick` prints some of it within a minute.

float32 on a CPU. **No figure here was measured on a GPU.**

![Time of a training step](benchmarks.png)"""

STEPS = """All contenders of a table take turns in one fresh process: same data, same initial weights, same number of threads, and as many
cores. The losses of their first steps agree within 1e-3, or the benchmark stops. Times are medians over the rounds, in
parentheses the fastest and the slowest round; ratios are taken within each round, then their median, smallest and largest. A ratio
above 1 means: slower than portanet. *Products* are the floor: only the matrix products of forward and backward, into arrays
made before; the fastest of the three counts.

JAX returns before a step is done; it is timed as a loop that waits at its end, and once more as one that waits for each loss.
portanet is compiled by LLVM from the first step on (`fast=True`); without that option, from the step on that a rule over the step's
operations gives. *With MKL* is `mkl=True`, which nothing chooses by itself. PyTorch's LSTM has a second bias, which stays 0 here.
PyTorch's optimizers are its fused ones, the fastest that it has on a CPU and not its default; where nearly all of a step is the optimizer's, the default contends, too.
A scikit-learn step is a share of a `partial_fit` over all batches."""


def machine(results: Results) -> str:
    """Return what it was measured on."""
    facts = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    kernels = {
        k for runs in results.get("steps", {}).values() for r in runs.values() for k in r["blas"]
    }
    lines = [
        f"Measured on: {facts['cpu']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}; {packages}.",
        f"BLAS kernels that ran: {'; '.join(sorted(kernels))}." if kernels else "",
    ]
    return "\n".join(lines).strip()


def aims(results: Results) -> str:
    """Return what was aimed at, beside what was measured."""
    threads = thread_counts(results)
    rows = []
    for aim in AIMS:
        found = [measured(results, aim, count) for count in threads]
        rows.append(
            [
                aim.text,
                aim.wanted(),
                *(
                    f"{times(f)} {verdict(aim, f, n)}".strip()
                    for f, n in zip(found, threads, strict=True)
                ),
            ]
        )
    head = ["", "aim", *(f"{count} thread(s)" for count in threads)]
    return f"## Aims\n\n{table(head, rows)}"


def steps(results: Results, name: str) -> str:
    """Return the table of one network."""
    runs = results["steps"][name]
    head, columns = ["contender"], []
    for count, run in runs.items():
        head += [f"{count} thread(s): a step", "/ portanet", "/ floor"]
        columns.append((run, ours_of(run), floor_of(run)))
    contenders = dict.fromkeys(
        n for run in runs.values() for n in (*run["seconds"], *run["reasons"])
    )
    rows = [[who, *(c for column in columns for c in cells(who, *column))] for who in contenders]
    against = {ours for _, ours, _ in columns}
    note = f"\n\nportanet here: {', '.join(sorted(against))}." if against else ""
    return f"### {NETWORKS[name].title}\n\n{table(head, rows)}{note}"


def cells(who: str, run: dict[str, Any], ours: str, floor: str | None) -> list[str]:
    """Return a contender's time, its ratio to portanet's, and that to the floor."""
    seconds = run["seconds"]
    if who not in seconds:
        return [run["reasons"].get(who, "not run"), "", ""]
    to_floor = times(spread(seconds[who], seconds[floor])) if floor else ""
    return [time(seconds[who]), times(spread(seconds[who], seconds[ours])), to_floor]


def blas(results: Results) -> str:
    """Return how fast NumPy's BLAS is beside MKL on the wide network."""
    found = []
    for count, run in results.get("steps", {}).get("wide", {}).items():
        seconds = run["seconds"]
        if "products, MKL" in seconds:
            own = min(("products, np.matmul", "products, np.dot"), key=lambda n: sorted(seconds[n]))
            share = spread(seconds["products, MKL"], seconds[own])
            found.append(f"{times(share)} on {count} thread(s)")
    if not found:
        return ""
    return (
        "NumPy's OpenBLAS alone was seen to run the wide network's products at 0.7 to 0.8 of MKL's speed; that "
        f"depends on the processor and the kernels that both choose. Here it ran them at {', '.join(found)}."
    )


def thread_counts(results: Results) -> list[str]:
    """Return the numbers of threads that were measured."""
    return list(dict.fromkeys(c for runs in results.get("steps", {}).values() for c in runs))
