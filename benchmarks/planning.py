"""What planning costs, and after how many steps the compiled step has paid for it."""

import statistics
import time
from typing import Any

import portanet
from benchmarks.contenders import UnsupportedError
from benchmarks.contenders.ours import (
    COMPILED,
    Compiled,
    Readable,
    optimizer_for,
    plan,
)
from benchmarks.networks import NETWORKS, Network, batches, data, model
from benchmarks.processes import answer, ask
from benchmarks.turns import Runner, take_turns

PLANS = 5


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
    Readable().make(net, data(net))(0)  # what every step loads: the backend
    try:
        plans = [planning_seconds(contender, net) for _ in range(PLANS)]
        step = contender.make(net, data(net))
    except UnsupportedError as error:
        return {"reason": str(error)}
    readable = Readable().make(net, data(net))
    runners = {"compiled": Runner(step), "readable": Runner(readable)}
    times = take_turns(runners, 3, 0.03 if quick else 0.2, 0.02)
    steps = {k: statistics.median(v) for k, v in times.items()}
    return {"planning": plans, "steps": steps}


def planning_seconds(contender: Compiled, network: Network) -> float:
    """Return what it takes to make a compiled step and to take the steps that plan and check it."""
    net, (first, *_) = model(network), batches(network, *data(network))
    optimizer = optimizer_for(network, net)
    start = time.perf_counter()
    plan(portanet.compile_step(net, optimizer, **contender.options), first)
    return time.perf_counter() - start


if __name__ == "__main__":
    answer(work)
