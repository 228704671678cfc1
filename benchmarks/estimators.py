"""portanet's MLPs beside scikit-learn's: fits, first fits, predictions and scores.

    python -m benchmarks.estimators fit predict first scores --clock cpu

Each part is measured in processes of its own, with one thread and with two (scores: once). Fits and
predictions of the two take turns in one process; what is compared are medians. `first` is the first
fit of a fresh process with empty caches: the fit alone, and all from the start of the process. The
fits of all data sets take turns, too: once all of them have paid for that, their steps are compiled.
`alone` has a process for each data set: iris pays for compiling after some 20 fits.
With `--clock cpu` CPU seconds count, which other work on the machine changes less. The numbers are
kept in benchmarks/estimators.json; `--tables` prints them for docs/estimators.md and draws
docs/estimators.png.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from typing import Any

from benchmarks.estimator_scores import classes, data, scores
from benchmarks.report_estimators import FILE, report

FITS = {"iris": {}, "breast cancer": {}, "digits": {}, "100,000 x 50": {"max_iter": 20}}
EVERY = {"100,000 x 50": 3}  # rounds
ROWS = (1, 1_000, 100_000)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def fit(rounds: int, clock: str, only: str = "") -> dict[str, Any]:
    """Return the seconds of fits with default settings, by data and library: all take turns."""
    sets = {name: data(name) for name in ([only] if only else FITS)}
    found = {name: {library: [] for library in classes("MLPClassifier")} for name in sets}
    for i in range(rounds + 1):  # one to warm up
        for name, (X, y) in sets.items():
            turn = i % min(EVERY.get(name, 1), rounds) == 0  # with few rounds, each
            for library, cls in classes("MLPClassifier").items() if turn else ():
                call = partial(cls(random_state=i, **FITS[name]).fit, X, y)
                found[name][library].append(_seconds(call, clock))
    return {
        name: {library: seconds[1:] for library, seconds in times.items()}
        for name, times in found.items()
    }


def _seconds(call: Any, clock: str, n: int = 1) -> float:
    start = CLOCKS[clock]()
    for _ in range(n):
        call()
    return (CLOCKS[clock]() - start) / n


def predict(rounds: int, clock: str) -> dict[str, Any]:
    """Return the seconds of predict on digits' network, by rows and library."""
    import numpy as np

    X, y = data("digits")
    rows = X[np.random.RandomState(0).randint(len(X), size=max(ROWS))]
    fitted = {
        n: c(random_state=0, max_iter=5).fit(X, y) for n, c in classes("MLPClassifier").items()
    }
    found: dict[str, Any] = {}
    for n in ROWS:
        part, times = rows[:n], {"scikit-learn": [], "portanet": []}
        for _ in range(rounds * 3):
            for library, estimator in fitted.items():
                calls = max(1, 2_000 // n)
                times[library].append(
                    _seconds(lambda e=estimator, x=part: e.predict(x), clock, calls)
                )
        found[f"{n:,}"] = times
    return found


FIRST = """
import sys, time, warnings
start = time.process_time() if sys.argv[1] == "cpu" else time.perf_counter()
warnings.simplefilter("ignore")
from {module} import MLPClassifier
from benchmarks.estimators import CLOCKS, data
X, y = data(sys.argv[2])
clock = CLOCKS[sys.argv[1]]
before = clock()
MLPClassifier(random_state=0).fit(X, y)
print(clock() - before, clock() - start)
"""


def first(rounds: int, clock: str) -> dict[str, Any]:
    """Return the seconds of first fits in fresh processes with empty caches, but with byte code.

    An installed package has byte code (pip writes it), a checkout under PYTHONDONTWRITEBYTECODE has
    none. So both libraries read theirs from one folder, which a first process of each fills.
    """
    with tempfile.TemporaryDirectory() as byte_code:
        return _first_of_all(rounds, clock, byte_code)


def _first_of_all(rounds: int, clock: str, byte_code: str) -> dict[str, Any]:
    modules = {"scikit-learn": "sklearn.neural_network", "portanet": "portanet.estimators"}
    found: dict[str, Any] = {}
    for name in list(FITS)[:3]:
        for library, module in modules.items():
            _first(FIRST.format(module=module), clock, name, byte_code)
            for what in ("fit", "process"):
                found[f"{name}, {what}"] = found.get(f"{name}, {what}", {}) | {library: []}
        for _ in range(rounds):
            for library, module in modules.items():
                of_fit, of_process = _first(FIRST.format(module=module), clock, name, byte_code)
                found[f"{name}, fit"][library].append(of_fit)
                found[f"{name}, process"][library].append(of_process)
    return found


def _first(code: str, clock: str, name: str, byte_code: str) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as empty:
        environment = os.environ | {"XDG_CACHE_HOME": empty, "HOME": empty}
        environment |= {"PYTHONPYCACHEPREFIX": byte_code, "PYTHONDONTWRITEBYTECODE": ""}
        out = subprocess.run(
            [sys.executable, "-c", code, clock, name],
            env=environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    of_fit, of_process = map(float, out.split())
    return of_fit, of_process


def alone(given: argparse.Namespace, threads: str) -> dict[str, Any]:
    """Return the same as fit, of processes that fit one data set only."""
    names = [name for name in FITS if name not in EVERY]
    return {name: _in_process("fit", threads, given, name)[name] for name in names}


PARTS = {"fit": fit, "first": first, "predict": predict, "scores": scores}


def main() -> None:
    """Measure the parts that are named, in processes with so many threads; keep the numbers."""
    parser = argparse.ArgumentParser(description="MLPs beside scikit-learn's")
    parser.add_argument("parts", nargs="*", help=", ".join([*PARTS, "alone"]))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--here", action="store_true", help="measure in this process")
    parser.add_argument("--only", default="", help="the data set of fits")
    given = parser.parse_args()
    if unknown := set(given.parts) - {*PARTS, "alone"}:  # choices would refuse no parts at all
        parser.error(
            f"parts must be of {', '.join(PARTS)}, alone; there is no {', '.join(unknown)}"
        )
    warnings.simplefilter("ignore")
    if given.here:
        options = {"only": given.only} if given.only else {}
        print(json.dumps(PARTS[given.parts[0]](given.rounds, given.clock, **options)))
        return
    results = json.loads(FILE.read_text()) if FILE.exists() else {}
    for part in given.parts:
        for threads in ("1",) if part == "scores" else ("1", "2"):
            measure = (
                alone(given, threads) if part == "alone" else _in_process(part, threads, given)
            )
            results[f"{part}, {threads}"] = measure
            FILE.write_text(json.dumps(results | {"clock": given.clock}, indent=1) + "\n")
    if given.tables:
        print(report(json.loads(FILE.read_text())))


def _in_process(part: str, threads: str, given: argparse.Namespace, only: str = "") -> Any:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    arguments = ["--here", part, "--rounds", str(given.rounds), "--clock", given.clock]
    arguments += ["--only", only] if only else []
    command = [sys.executable, "-m", "benchmarks.estimators", *arguments]
    environment = os.environ | dict.fromkeys(names, threads)
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(run.stdout)
    for name, times in found.items():
        medians = {library: statistics.median(values) for library, values in times.items()}
        ratio = medians["scikit-learn"] / medians["portanet"]
        print(
            f"{part}{' alone' if only else ''}, {threads} threads, {name}: {medians}, ratio {ratio:.3g}",
            flush=True,
        )
    return found


if __name__ == "__main__":
    main()
