"""The time of a training step on a CUDA device: as it is written, replayed, the graph alone.

python -m benchmarks.gpu.steps '{"name": "blog", "quick": true}'

All take turns in one process, beside PyTorch where that finds the device, after their first losses
have been compared. A replayed step is what `compile_step` gives, with its guards and the copies of
the batch and of the losses, between two verifications; the graph alone is the plan's launch.
"""

from typing import Any

import numpy as np

from benchmarks.contenders import NotInstalledError, UnsupportedError
from benchmarks.contenders.ours import optimizer_for
from benchmarks.contenders.pytorch import PyTorchOnCuda
from benchmarks.gpu.networks import on_device
from benchmarks.networks import NETWORKS, data, model
from benchmarks.processes import answer
from benchmarks.steps import REFERENCE, differences
from benchmarks.turns import Runner, take_turns
from portanet.checks import skip_value_checks
from portanet.compiler.runtime.readable_step import take_step

REPLAYED, GRAPH = "portanet, replayed", "portanet, graph alone"
COMPARED = 3  # steps: traced, verified, replayed


def work(name: str, quick: bool) -> dict[str, Any]:
    """Return seconds a step, {who: [a number a round]}, and the reasons of those that do not run."""
    planned = on_device(name)
    backend = planned.step.model.backend
    net = model(NETWORKS[name]).to("cupy")
    optimizer = optimizer_for(NETWORKS[name], net)

    def wait(result: Any) -> None:  # noqa: ARG001
        backend.synchronize()

    def readable(i: int) -> Any:  # noqa: ARG001
        return take_step(net, optimizer, planned.x, planned.y)

    runners = {
        REFERENCE: Runner(readable, wait),
        REPLAYED: Runner(lambda i: planned.step(planned.x, planned.y), wait),  # noqa: ARG005
        GRAPH: Runner(lambda i: planned.plan.replay(), wait),  # noqa: ARG005
    }
    losses = {
        REFERENCE: [mean(backend.to_numpy(readable(i))) for i in range(COMPARED)],
        REPLAYED: [mean(backend.to_numpy(x)) for x in planned.losses],
    }
    reasons = add_pytorch(name, runners, losses)
    off = differences(losses)
    rounds, seconds = (3, 0.02) if quick else (9, 0.25)
    with skip_value_checks():
        times = take_turns(runners, rounds, seconds, pause=0.02)
    return {
        "seconds": times, "reasons": reasons, "differences": off,
        "not captured": planned.plan.not_captured,
    }  # fmt: skip


def add_pytorch(name: str, runners: dict[str, Runner], losses: Any) -> dict[str, str]:
    """Let PyTorch take turns, too; return why not."""
    peer, network = PyTorchOnCuda(), NETWORKS[name]
    try:
        step = peer.make(network, data(network, 2))
    except (NotInstalledError, UnsupportedError) as error:
        return {peer.name: str(error)}
    losses[peer.name] = [float(step(0)) for _ in range(COMPARED)]
    runners[peer.name] = Runner(lambda i: step(0), peer.wait)  # noqa: ARG005
    return {}


def mean(losses: np.ndarray) -> float:
    """Return the mean of a step's losses."""
    return float(np.mean(losses))


if __name__ == "__main__":
    answer(work)
