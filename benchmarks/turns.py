"""Taking turns: several ways to do one thing, timed round by round in one process.

The machine's speed changes from second to second, and alike for all; so each round times every
runner once, in an order that rotates, and what is compared are the ratios within a round.
"""

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WARM = 3  # calls before anything is timed: compiling, first allocations


@dataclass
class Runner:
    """call(i) does the work once; wait(result) waits until the work is done.

    A round times a multiple of `group` calls. With process_time as its clock, CPU seconds of all
    threads count: other work on the machine changes them less.
    """

    call: Callable[[int], Any]
    wait: Callable[[Any], None] = lambda result: None  # noqa: ARG005
    group: int = 1
    clock: Callable[[], float] = time.perf_counter

    def seconds(self, n: int) -> float:
        """Return the time of a call, the mean of n."""
        start = self.clock()
        for i in range(n - 1):
            self.call(i)
        self.wait(self.call(n - 1))
        return (self.clock() - start) / n


def take_turns(
    runners: dict[str, Runner], rounds: int, seconds: float, pause: float
) -> dict[str, list[float]]:
    """Return each runner's seconds a call, round by round; a turn lasts some `seconds`.

    A pause comes before each turn. BLAS and OpenMP keep the threads of the one before spinning for
    up to 0.2 s, which would take the cores from the next one's.
    """
    counts = {name: calls_in(runner, seconds) for name, runner in runners.items()}
    times: dict[str, list[float]] = {name: [] for name in runners}
    names = list(runners)
    gc.collect()
    gc.freeze()  # nobody pays for walking through the modules of the others
    for i in range(rounds):
        at = i % len(names)
        for name in names[at:] + names[:at]:
            time.sleep(pause)
            runners[name].seconds(max(1, counts[name] // 8))  # awake again
            times[name].append(runners[name].seconds(counts[name]))
    return times


def calls_in(runner: Runner, seconds: float) -> int:
    """Return how many calls fill some seconds: a multiple of the runner's group."""
    runner.seconds(WARM * runner.group)
    once = min(runner.seconds(runner.group) for _ in range(3))
    return runner.group * max(1, math.ceil(seconds / (once * runner.group)))
