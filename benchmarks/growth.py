"""How time and memory grow with batch, width, depth and the size of the data set.

Each point is a fresh process, so that its peak of memory is its own. Memory is what a run needs
beyond the arrays of its data: by tracemalloc, to which NumPy reports, once for the first steps, in
which the compiler traces, plans and checks, and once for those after; and by the peak of the
resident set beyond what it was before the network was made, which counts PyTorch and pools too.
"""

import gc
import resource
import sys
import tracemalloc
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
from benchmarks.turns import WARM, Runner, calls_in

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
    return {
        axis: {
            name: [
                ask("benchmarks.growth", 1, axis=axis, value=value, contender=name)
                for value in values
            ]
            for name in CONTENDERS
        }
        for axis, values in (QUICK if quick else VALUES).items()
    }


def work(axis: str, value: int, contender: str, threads: int) -> dict[str, Any]:  # noqa: ARG001
    """Return one point: the seconds of a step or an epoch, and the bytes of both measures."""
    (chosen,) = (c for c in all_contenders() if c.name == contender)
    network = network_at(axis, value)
    given = data(network, value // network.batch if axis == "samples" else None)
    try:
        small = mlp("small", (8, 8, 2), 8, "Adam", 2)
        runner(chosen, small, axis, data(small)).seconds(WARM)  # imports, first pools
        before = peak_resident()
        measured = runner(chosen, network, axis, given)
        times = [measured.seconds(calls_in(measured, 0.1)) for _ in range(3)]
    except (NotInstalledError, UnsupportedError) as error:
        return {"value": value, "reason": str(error)}
    resident = peak_resident() - before
    del measured
    point = {"value": value, "seconds": min(times), "resident": resident}
    if not contender.startswith("PyTorch"):
        point |= traced_peaks(chosen, network, axis, given)
    return point


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
        return Runner(contender.make_epoch(network, given, data(network)))
    return Runner(contender.make(network, given), contender.wait)


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
