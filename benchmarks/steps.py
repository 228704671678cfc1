"""The time of a training step: every contender, by turns, in one fresh process."""

from typing import Any

import numpy as np

from benchmarks.contenders import (
    Contender,
    NotInstalledError,
    Step,
    UnsupportedError,
    all_contenders,
)
from benchmarks.machine import blas_kernels
from benchmarks.networks import NETWORKS, Network, data
from benchmarks.processes import answer, ask
from benchmarks.turns import Runner, take_turns

REFERENCE = "portanet, readable"
LOSSES_COMPARED = (
    6  # the losses of so many first steps must agree; portanet replays from the fourth on
)
TOLERANCE = 1e-3  # of them: what rounding makes of a few steps of Adam, and far below any mistake


def measure(network: str, threads: int, quick: bool) -> dict[str, Any]:
    """Return the seconds a step, {contender: [a number a round]}, of one network."""
    return ask("benchmarks.steps", threads, network=network, quick=quick)


def work(network: str, threads: int, quick: bool) -> dict[str, Any]:
    """Make every contender, compare their losses, and let them take turns."""
    net = NETWORKS[network]
    runners, reasons, losses = {}, {}, {}
    for contender in all_contenders():
        try:
            step, losses[contender.name] = prepared(contender, net, quick)
        except (NotInstalledError, UnsupportedError) as error:
            reasons[contender.name] = str(error)
        else:
            runners[contender.name] = Runner(step, contender.wait, net.n_batches)
    seconds, pause = (0.03, 0.02) if quick else (0.25, 0.25 if threads > 1 else 0.02)
    times = take_turns(runners, 3 if quick else 9, seconds, pause)
    return {
        "seconds": times, "reasons": reasons, "differences": differences(losses),
        "blas": blas_kernels(),
    }  # fmt: skip


def prepared(contender: Contender, network: Network, quick: bool) -> tuple[Step, list[float]]:
    """Return a contender's step, and the losses of its first steps. Raises as `make` does."""
    if quick and "torch.compile" in contender.name:
        raise UnsupportedError("left out by --quick: compiling takes longer than a minute")
    step = contender.make(network, data(network))
    losses = [mean(step(i)) for i in range(LOSSES_COMPARED)]
    return step, [loss for loss in losses if loss is not None]


def mean(losses: Any) -> float | None:
    """Return the mean of a step's losses at once: a contender may reuse their memory."""
    return None if losses is None else float(np.mean(np.asarray(losses)))


def differences(losses: dict[str, list[float]]) -> dict[str, float]:
    """Return how far each contender's losses lie from the readable step's, relatively.

    Raises RuntimeError if it is further than rounding can bring them: they train another network.
    """
    wanted, found = np.asarray(losses[REFERENCE]), {}
    for name, values in losses.items():
        if values:
            found[name] = float(np.max(np.abs(np.asarray(values) / wanted - 1)))
            if not found[name] < TOLERANCE:
                raise RuntimeError(
                    f"{name}: the first losses must be {wanted.tolist()}, as those of {REFERENCE}, "
                    f"are {values}: it trains another network"
                )
    return found


if __name__ == "__main__":
    answer(work)
