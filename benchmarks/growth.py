"""How time and memory grow with batch, width, depth and the size of the data set.

The time of a point is measured in one process in which the contenders take turns, in CPU seconds:
medians of the rounds, few of which hold a step at which a plan is verified. Its memory is measured
in a fresh process for each contender, so that the peak is its own. Memory is what a run needs
beyond the arrays of its data: by tracemalloc, to which NumPy reports, once for the first steps, in
which the compiler traces, plans and checks, and once for those after; and by the peak of the
resident set beyond what it was before the network was made, which counts PyTorch and pools too.
"""

import gc
import resource
import statistics
import sys
import tracemalloc
from functools import partial
from time import process_time
from typing import Any

from benchmarks.contenders import (
    Contender,
    Data,
    NotInstalledError,
    UnsupportedError,
    all_contenders,
)
from benchmarks.networks import Network, data, mlp
from benchmarks.processes import answer, ask
from benchmarks.turns import WARM, Runner, calls_in, take_turns

CONTENDERS = ("portanet, readable", "portanet, compiled", "PyTorch, eager")
FIRST_STEPS = 4  # the compiler looks at the data, traces, checks, and replays from then on
VALUES = {
    "batch": (16, 64, 256, 1024, 4096),
    "width": (32, 128, 512, 2048),
    "depth": (1, 4, 16, 64),
    "samples": (2**11, 2**13, 2**15, 2**17),
}
QUICK = {"batch": (16, 256)}
TITLES = {
    "batch": "a step of 256-256-256-10 with Adam, by batch size",
    "width": "a step of 256-w-w-10 with Adam, batch 128, by width w",
    "depth": "a step of d layers of 256 units with Adam, batch 128, by depth d",
    "samples": "an epoch of 64-64-10 with Adam, batch 128, by the number of samples",
}


def measure(quick: bool) -> dict[str, Any]:
    """Return {axis: {contender: [{value, seconds, resident, traced}, …]}}, on one thread."""
    found: dict[str, Any] = {}
    for axis, values in (QUICK if quick else VALUES).items():
        of_axis = found[axis] = {name: [] for name in CONTENDERS}
        for value in values:
            of = partial(ask, "benchmarks.growth", 1, axis=axis, value=value, quick=quick)
            seconds = of(contenders=CONTENDERS)
            for name, points in of_axis.items():
                points.append(seconds[name] | of(contenders=[name])[name])
    return found


def work(
    axis: str, value: int, contenders: list[str], quick: bool, threads: int  # noqa: ARG001
) -> dict[str, Any]:  # fmt: skip
    """Return one point: of one contender the bytes of both measures, of several their seconds."""
    network = network_at(axis, value)
    given = data(network, value // network.batch if axis == "samples" else None)
    chosen = [c for c in all_contenders() if c.name in contenders]
    if len(chosen) > 1:
        return seconds_of(chosen, network, axis, given, quick)
    try:
        return {chosen[0].name: {"value": value} | bytes_of(chosen[0], network, axis, given)}
    except (NotInstalledError, UnsupportedError) as error:
        return {chosen[0].name: {"value": value, "reason": str(error)}}


def seconds_of(
    contenders: list[Contender], network: Network, axis: str, given: Data, quick: bool
) -> dict[str, Any]:
    """Return the CPU seconds of a step or an epoch, the contenders taking turns."""
    runners, found = {}, {}
    for contender in contenders:
        try:
            runners[contender.name] = runner(contender, network, axis, given)
        except (NotInstalledError, UnsupportedError) as error:
            found[contender.name] = {"reason": str(error)}
    rounds, seconds = (5, 0.03) if quick else (15, 0.05)
    times = take_turns(runners, rounds, seconds, 0)
    return found | {name: {"seconds": statistics.median(s)} for name, s in times.items()}


def bytes_of(chosen: Contender, network: Network, axis: str, given: Data) -> dict[str, int]:
    """Return the memory of a run by both measures."""
    small = mlp("small", (8, 8, 2), 8, "Adam", 2)
    runner(chosen, small, axis, data(small)).seconds(WARM)  # imports, first pools
    before = peak_resident()
    measured = runner(chosen, network, axis, given)
    measured.seconds(calls_in(measured, 0.1))
    found = {"resident": peak_resident() - before}
    del measured
    if not chosen.name.startswith("PyTorch"):
        found |= traced_peaks(chosen, network, axis, given)
    return found


def network_at(axis: str, value: int) -> Network:
    """Return the network of a point."""
    if axis == "batch":
        return mlp("batch", (256, 256, 256, 10), value, "Adam", 2)
    if axis == "width":
        return mlp("width", (256, value, value, 10), 128, "Adam", 2)
    if axis == "depth":
        return mlp("depth", (256, *[256] * value, 10), 128, "Adam", 2)
    return mlp("samples", (64, 64, 10), 128, "Adam", 2)


def runner(contender: Contender, network: Network, axis: str, given: Data) -> Runner:
    """Return what is timed: an epoch where the data set grows, else a step."""
    if axis == "samples":
        return Runner(contender.make_epoch(network, given, data(network)), clock=process_time)
    return Runner(contender.make(network, given), contender.wait, clock=process_time)


def traced_peaks(contender: Contender, network: Network, axis: str, given: Data) -> dict[str, int]:
    """Return the most bytes that NumPy held at a time, in the first steps and in those after."""
    gc.collect()
    tracemalloc.start()
    traced = runner(contender, network, axis, given)
    n = 1 if axis == "samples" else FIRST_STEPS  # an epoch has more steps than enough
    traced.seconds(n)
    first = tracemalloc.get_traced_memory()[1]
    gc.collect()
    tracemalloc.reset_peak()
    traced.seconds(n)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"traced_first": first, "traced": peak}


def peak_resident() -> int:
    """Return the largest resident set so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    answer(work)
