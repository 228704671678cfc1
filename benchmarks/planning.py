"""What planning costs, and after how many steps the compiled step has paid for it, in CPU seconds.

A compiled step is verified by readable ones at steps 4, 8, 16 …: in a run of a few seconds a wide
network takes a fourth of its steps so. What a step saves is therefore the median of rounds that
take turns with readable ones, of which few hold a verified step; what those take is counted beside.
"""

import statistics
import time
from itertools import count
from math import ceil
from typing import Any

import portanet
from benchmarks.contenders import UnsupportedError
from benchmarks.contenders.ours import (
    COMPILED,
    STEPS_TO_PLAN,
    Compiled,
    Readable,
    optimizer_for,
    plan,
)
from benchmarks.networks import NETWORKS, Network, batches, data, model
from benchmarks.processes import answer, ask
from benchmarks.turns import Runner, take_turns

PLANS = 5
TIMED = 8  # steps one by one: plans are verified at the 4th and the 8th after they were made
VERIFIED = (4, 8, 16, 32, 64, 128, 256, 512)  # and every 1,024th


def measure(network: str, quick: bool) -> dict[str, Any]:
    """Return, for each way to compile, seconds of planning and of steps, on one thread."""
    found = {}
    for contender in COMPILED:
        found[contender.name] = ask(
            "benchmarks.planning", 1, network=network, quick=quick, name=contender.name
        )
    return found


def work(network: str, quick: bool, name: str, threads: int) -> dict[str, Any]:  # noqa: ARG001
    """Plan several times, the first time in a fresh process; then let both steps take turns."""
    net = NETWORKS[network]
    (contender,) = (c for c in COMPILED if c.name == name)
    readable = Readable().make(net, data(net))
    readable(0)  # what every step loads: the backend
    try:
        plans = [planned(contender, net) for _ in range(PLANS)]
        step = contender.make(net, data(net))
    except UnsupportedError as error:
        return {"reason": str(error)}
    clock = time.process_time
    runners = {
        "compiled": Runner(step, contender.wait, net.n_batches, clock),
        "readable": Runner(readable, group=net.n_batches, clock=clock),
    }
    steps = take_turns(runners, 5 if quick else 15, 0.03 if quick else 0.1, 0)
    return {
        "planning": [seconds for seconds, _ in plans],
        "verifying": [seconds for _, verified in plans for seconds in verified],
        "steps": steps,
    }


def planned(contender: Compiled, network: Network) -> tuple[float, list[float]]:
    """Return what it takes to make a compiled step and to take the steps that plan and check it;
    and what verified steps after it take beyond others.
    """
    net, (first, *_) = model(network), batches(network, *data(network))
    optimizer = optimizer_for(network, net)
    start = time.process_time()
    step = portanet.compile_step(net, optimizer, **contender.options)
    plan(step, first)
    planning = time.process_time() - start
    seconds = {}
    for i in range(STEPS_TO_PLAN, TIMED + 1):  # the plan's steps: it was made in the second
        start = time.process_time()
        step(*first)
        seconds[i] = time.process_time() - start
    verified = {i: seconds.pop(i) for i in list(seconds) if i in VERIFIED}
    other = statistics.median(seconds.values())
    return planning, [max(0.0, s - other) for s in verified.values()]


def paid_after(planning: float, verifying: float, saved: float) -> int | None:
    """Return after how many steps as much is saved as planning and verified steps take; or None.

    >>> paid_after(1.0, 0.0, 0.1), paid_after(1.0, 0.5, 0.1), paid_after(1.0, 0.5, 0.0001)
    (10, 25, None)
    """
    for n_verified in count():
        cost = planning + n_verified * verifying
        n = max(1, ceil(cost / saved)) if saved > verifying / 1024 else None
        if n is None or n < next_verified(n_verified):
            return n
    raise AssertionError("unreachable")


def next_verified(n: int) -> int:
    """Return the step that is verified after n others were."""
    return VERIFIED[n] if n < len(VERIFIED) else 1024 * (n - len(VERIFIED) + 1)


if __name__ == "__main__":
    answer(work)
