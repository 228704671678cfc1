"""What a process costs that has just begun: the import, the first four steps, a short training.

Each figure is of a fresh process on one thread; the contenders take turns, round by round.
"""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cold_networks import COLD, PAIRS
from benchmarks.cold_runs import RUNS
from benchmarks.contenders import NotInstalledError, require
from benchmarks.processes import ask

CONTENDERS = (
    "portanet, default", "portanet, compiled", "portanet, compiled, without LLVM",
    "PyTorch, eager", "JAX, jit",
)  # fmt: skip
TASKS = {"breast_cancer": "binary", "digits": "classes", "diabetes": "numbers"}
ROUNDS = 3
Rounds = dict[str, list[dict[str, Any]]]  # what each contender's process answered, a dict a round


def tasks(wanted: Sequence[str] | None, quick: bool) -> Iterator[tuple[tuple[str, str], Callable]]:
    """Yield where each result belongs, and what measures it; networks other than `wanted` not."""
    rounds = 1 if quick else ROUNDS
    for name in (n for n in COLD if wanted is None or n in wanted):
        yield ("first", name), partial(first, name, rounds)
    for kind in PAIRS if wanted is None else ():
        yield ("second", kind), partial(second, kind, rounds)
    for name in TASKS if wanted is None else ["breast_cancer"] * quick:
        yield ("runs", name), partial(run, name, rounds)


def by_turns(contenders: Sequence[str], rounds: int, one: Callable[[str], Any]) -> Rounds:
    """Return one(contender) of each round; a contender that cannot is not asked again."""
    found: Rounds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, points in found.items():
            if not any("reason" in point for point in points):
                points.append(one(name))
    return found


def first(name: str, rounds: int) -> Rounds:
    """Return the CPU seconds of import and first steps, and the peak of memory."""
    return by_turns(CONTENDERS, rounds, partial(start, [name]))


def second(kind: str, rounds: int) -> Rounds:
    """Return those of two networks of a kind, one after the other in a process."""
    names = [network.name for network in PAIRS[kind]]
    return by_turns(["portanet, compiled"], rounds, partial(start, names))


def start(networks: list[str], contender: str) -> dict[str, Any]:
    """Return what a fresh process answers."""
    return ask("benchmarks.cold_start", 1, networks=networks, contender=contender)


def run(name: str, rounds: int) -> Rounds:
    """Return what whole processes take that train on one of scikit-learn's data sets."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        try:
            X, y = dataset(name)
            np.savez(path, X=X, y=y)
        except NotInstalledError as error:
            return {contender: [{"reason": str(error)}] for contender in RUNS}
        return by_turns(list(RUNS), rounds, partial(whole_process, path, TASKS[name]))


def whole_process(path: Path, task: str, contender: str) -> dict[str, Any]:
    """Return the seconds of a process, from its start to its end, and its last loss."""
    clock, cpu = time.perf_counter(), children_seconds()
    answer = ask("benchmarks.cold_runs", 1, path=str(path), task=task, contender=contender)
    return answer | {"wall": time.perf_counter() - clock, "cpu": children_seconds() - cpu}


def children_seconds() -> float:
    """Return the CPU seconds of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def dataset(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return X and y, normalised, in the dtypes that all take: no contender imports scikit-learn."""
    X, y = getattr(require("sklearn.datasets"), f"load_{name}")(return_X_y=True)
    X = ((X - X.mean(0)) / np.maximum(X.std(0), 1e-6)).astype(np.float32)
    if TASKS[name] == "classes":
        return X, y.astype(np.int64)
    y = (y - y.mean()) / y.std() if TASKS[name] == "numbers" else y
    return X, y.astype(np.float32)[:, None]
