"""Outputs alone: compile_forward and predict beside a forward pass of PyTorch, by batch size."""

from dataclasses import replace
from typing import Any

import numpy as np

import portanet
from benchmarks.claims import OURS, PREDICT, PYTORCH, READABLE
from benchmarks.contenders import NotInstalledError
from benchmarks.contenders.pytorch import torch_with_threads
from benchmarks.contenders.pytorch_twins import load_weights, twin
from benchmarks.networks import NETWORKS, Network, batches, data, model
from benchmarks.processes import answer, ask
from benchmarks.turns import Runner, take_turns
from portanet.prediction import WARM

SIZES = {"mnist": (1, 1000), "cnn": (1, 64)}  # of batches, by network
_TOLERANCE = 1e-4  # of the largest output: what rounding makes of one pass, and below any mistake


def measure(name: str, size: int, threads: int, quick: bool) -> dict[str, Any]:
    """Return the seconds of a pass, {contender: [a number a round]}."""
    return ask("benchmarks.inference", threads, name=name, size=size, quick=quick)


def work(name: str, size: int, threads: int, quick: bool) -> dict[str, Any]:
    """Let the contenders take turns at the same inputs, after comparing their outputs."""
    network = replace(NETWORKS[name], batch=size)
    parts = [x for x, _ in batches(network, *data(network, 4))]
    net, reasons = model(network), {}
    passes: dict[str, Any] = {OURS: portanet.compile_forward(net, fast=True), READABLE: net.forward}
    try:
        passes[PYTORCH], tensors = pytorch(network, parts)
    except NotInstalledError as error:
        tensors, reasons = [], {PYTORCH: str(error)}
    inputs = {who: tensors if who == PYTORCH else parts for who in passes}
    for _ in range(2):  # the first call of compile_forward is traced, the second replayed
        refuse_difference({who: run(inputs[who][0]) for who, run in passes.items()})
    predict_warmed(net, parts[0], passes[READABLE](parts[0]))
    passes[PREDICT], inputs[PREDICT] = net.predict, parts
    if passes[OURS].refused:
        raise RuntimeError(f"{OURS}: {passes[OURS].refused}")
    runners = {
        who: Runner(lambda i, run=run, own=inputs[who]: run(own[i % len(own)]), group=4)
        for who, run in passes.items()
    }
    seconds, pause = (0.03, 0.02) if quick else (0.25, 0.25 if threads > 1 else 0.02)
    return {"seconds": take_turns(runners, 3 if quick else 9, seconds, pause), "reasons": reasons}


def predict_warmed(net: Any, x: np.ndarray, outputs: np.ndarray) -> None:
    """Call predict until it is compiled. Raises RuntimeError unless it names the largest output."""
    for _ in range(WARM + 2):
        classes = net.predict(x)
    if net.predictor.refused or not np.array_equal(classes, outputs.argmax(axis=1)):
        raise RuntimeError(f"{PREDICT}: {net.predictor.refused or 'predicts other classes'}")


def pytorch(network: Network, parts: list[np.ndarray]) -> tuple[Any, list[Any]]:
    """Return PyTorch's pass, without gradients, and its inputs."""
    torch = torch_with_threads()
    module = twin(torch, network)
    load_weights(torch, network, module)
    module.eval()
    return torch.inference_mode()(module), [torch.tensor(x) for x in parts]


def refuse_difference(outputs: dict[str, Any]) -> None:
    """Raise RuntimeError if a contender's outputs are not those of the readable pass."""
    wanted = np.asarray(outputs[READABLE])
    for who, came in outputs.items():
        off = float(np.max(np.abs(np.asarray(came) - wanted)) / np.max(np.abs(wanted)))
        if not off < _TOLERANCE:
            raise RuntimeError(f"{who}: outputs are off by {off:g} of the largest one")


if __name__ == "__main__":
    answer(work)
