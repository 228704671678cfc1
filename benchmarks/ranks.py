"""Training on several ranks beside one: how much of N times the speed is reached, and what sums take.

    python -m benchmarks.ranks [--ranks 2] [--batches 512 1024 2048 4096] [--rounds 3]

The network is 784-2048-2048-10 with Adam in float32, one BLAS thread a rank. For each size of the
joined batch one rank and N ranks take turns, each in fresh processes that train 17 steps (planned,
and checked at steps 2, 4, 8 and 16), and then 14 whose median counts. Also: the median of 20
all-reduces of all gradients, without a step; and a step on the rows of one rank, without others.
The efficiency is (seconds of one rank) / (N x seconds of N ranks): 1 if N ranks are N times as fast.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from portanet import (
    Adam,
    CrossEntropy,
    DataLoader,
    Dataset,
    Linear,
    ReLU,
    Sequential,
    Trainer,
)
from portanet.callbacks import Callback

N_FEATURES, WIDTH = 784, 2048
FIRST, STEPS, SUMS = 17, 14, 20


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given.worker)
        return
    print("| joined batch | one rank | its rows alone | all | all-reduce | efficiency |")
    print("|---|---|---|---|---|---|")
    for batch in given.batches:
        print(row(batch, given.ranks, given.rounds), flush=True)


def row(batch: int, n: int, rounds: int) -> str:
    """Return a row of the table, times in ms."""
    found = [(run(batch, 1), run(batch // n, 1), run(batch, n)) for _ in range(rounds)]
    one, part, all_of_them = (
        statistics.median(of[i]["step"] for of in found) * 1e3 for i in range(3)
    )
    sums = statistics.median(of[2]["sum"] for of in found) * 1e3
    efficiency = statistics.median(of[0]["step"] / (n * of[2]["step"]) for of in found)
    return (
        f"| {batch} | {one:.0f} | {part:.0f} | {all_of_them:.0f} | {sums:.0f} | {efficiency:.2f} |"
    )


def run(batch: int, n: int) -> dict[str, float]:
    """Return the seconds of a step, and of an all-reduce, on n ranks."""
    command = [sys.executable, "-m", "benchmarks.ranks", "--worker", str(batch)]
    launcher = [] if n == 1 else ["mpiexec", "-n", str(n)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    out = subprocess.run(
        launcher + command, env=os.environ | threads, capture_output=True, text=True, check=True
    ).stdout
    return json.loads(out.splitlines()[-1])


def work(batch: int) -> None:
    """Train; rank 0 prints the figures."""
    clock = Clock()
    trainer = made(batch, clock)
    trainer.train(n_steps=FIRST + STEPS, log_level=0)
    seconds = [end - start for start, end in pairwise(clock.times[FIRST - 1 :])]
    found = {"step": statistics.median(seconds), "sum": seconds_of_a_sum(trainer)}
    if trainer.is_first:
        print(json.dumps(found), flush=True)


class Clock(Callback):
    """Notes when each step has ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, trainer: Any) -> None:  # noqa: ARG002
        """Note the time."""
        self.times.append(perf_counter())


def made(batch: int, clock: Clock) -> Trainer:
    """Return a trainer on however many ranks this program has."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((batch * (FIRST + STEPS), N_FEATURES), "f4")
    y = rng.integers(0, 10, len(X))
    layers: list[Any] = [Linear(N_FEATURES, WIDTH), ReLU(), Linear(WIDTH, WIDTH), ReLU()]
    model = Sequential([*layers, Linear(WIDTH, 10)], CrossEntropy())
    train = DataLoader(Dataset(X, y), batch, shuffle=True, seed=0)
    return Trainer(model, Adam(model, lr=1e-4), train, callbacks=[clock], distributed=True)


def seconds_of_a_sum(trainer: Trainer) -> float:
    """Return the median time of an all-reduce of as many numbers as there are weights."""
    from portanet.distributed import communicator_for

    ranks = communicator_for(trainer.model)
    x = np.zeros(sum(p.value.size for p in trainer.model.parameters()), np.float32)
    seconds = []
    for _ in range(SUMS):
        ranks.barrier()
        start = perf_counter()
        ranks.all_reduce(x)
        seconds.append(perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
