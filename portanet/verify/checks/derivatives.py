"""Derivatives: every backward beside finite differences of its forward, in float64 on NumPy.

Backends may agree on a wrong gradient: all run the same code. Where a network's gradients are
wrong, its layers are checked one by one: those before a wrong layer have wrong gradients, too.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np

from portanet.sequential import Sequential
from portanet.verify.catalogue import LayerCase, LossCase
from portanet.verify.gradients import gradient_errors
from portanet.verify.report import Finding
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.layers import layer_input
from portanet.verify.runs.losses import loss_inputs


def check_derivatives(case: LayerCase | LossCase, seed: int) -> Iterator[Finding]:
    """Yield one finding if all gradients are right, else one for each that is not."""
    if isinstance(case, LayerCase):
        part, arrays = case.layer(), [layer_input(case, Draw(seed))]
    else:
        part, arrays = case.make(), list(loss_inputs(case, Draw(seed)))
    wrong = _wrong("", part, *arrays)
    if wrong and isinstance(part, Sequential):
        wrong = _wrong_layers(part, arrays[0]) or wrong
    row = ("derivative", case.kind, case.name)
    for tensor, note in wrong.items():
        yield Finding(*row, tensor, "numpy", "float64", False, note=note)
    if not wrong:
        yield Finding(*row, "gradients", "numpy", "float64", True)


def _wrong(prefix: str, part: Any, *arrays: np.ndarray) -> dict[str, str]:
    """Return what is wrong with each gradient of a part that is wrong."""
    return {
        f"gradient of {name}{prefix}": str(error)
        for name, error in gradient_errors(part, *arrays)
        if not isinstance(error, float)
    }


def _wrong_layers(network: Sequential, x: Any) -> dict[str, str]:
    """Return the wrong gradients of the layers of a network, each checked for itself.

    {} if one takes more than an array from the layer before: the network's own rows remain.
    """
    network, found = deepcopy(network).to("numpy", dtype="float64"), {}
    for i, layer in enumerate(network.layers):
        if not isinstance(x, np.ndarray):
            return {}
        found |= _wrong(f", layers.{i}", layer, x)
        x = layer.forward(x)
    return found
