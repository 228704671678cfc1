"""Taking turns: several steps, timed round by round in one process."""

import time
from collections.abc import Callable
from statistics import median

from portanet.checks import check_count

_SECONDS = 0.1  # a turn
_WARM = 5  # calls before anything is timed: compiling, first allocations

Step = Callable[[], object]


def medians(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Return the median seconds of each step over rounds in which all take turns.

    The machine's speed changes from second to second, and alike for all; so each round times every
    step once, in an order that rotates. Between turns threads of BLAS come to rest.
    """
    check_count("bench", "rounds", rounds)
    counts = {name: _calls(step) for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    names = list(steps)
    for i in range(rounds):
        at = i % len(names)
        for name in names[at:] + names[:at]:
            time.sleep(0.02)
            times[name].append(_seconds(steps[name], counts[name]))
    return {name: median(of) for name, of in times.items()}


def _calls(step: Step) -> int:
    """Return how many calls fill a turn."""
    _seconds(step, _WARM)
    return max(1, round(_SECONDS / min(_seconds(step, 1) for _ in range(3))))


def _seconds(step: Step, n: int) -> float:
    start = time.perf_counter()
    for _ in range(n):
        step()
    return (time.perf_counter() - start) / n
