"""The benchmark networks on a CUDA device: their batch, their steps and their plan."""

import sys
from dataclasses import dataclass
from typing import Any

import portanet
from benchmarks.contenders.ours import STEPS_TO_PLAN, optimizer_for, refuse
from benchmarks.networks import NETWORKS, batches, data, model
from portanet.checks import skip_value_checks


@dataclass
class OnDevice:
    """A network on CuPy: a batch on the device, its compiled step, the plan, and the first losses."""

    x: Any
    y: Any
    step: Any
    plan: Any
    losses: list[Any]


def on_device(name: str) -> OnDevice:
    """Return a network whose step has been planned and verified; it is not verified again.

    Raises UnsupportedError with the reason if the step is not compiled.
    """
    network = NETWORKS[name]
    net = model(network).to("cupy")
    x, y = map(net.backend.asarray, batches(network, *data(network, 2))[0])
    step = portanet.compile_step(net, optimizer_for(network, net))
    with skip_value_checks():
        losses = [step(x, y) for _ in range(STEPS_TO_PLAN)]
    refuse(step)
    (planned,) = step.plans.values()
    planned.until_event = sys.maxsize
    return OnDevice(x, y, step, planned.plan, losses)
