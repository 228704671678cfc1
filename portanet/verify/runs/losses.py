"""A loss at a place: one loss a sample, and the gradient of their mean."""

import numpy as np

from portanet.verify.catalogue.loss_case import LossCase
from portanet.verify.runs.inputs import Draw, rounded
from portanet.verify.runs.layouts import values_of
from portanet.verify.runs.where import Where


def run_loss(case: LossCase, draw: Draw, where: Where) -> dict[str, np.ndarray]:
    """Return what a loss computes for predictions, targets and sample weights that are drawn."""
    loss = where.part(case.make())
    y_hat, y = loss_inputs(case, draw)
    weight = rounded(draw.generator(case.name, "weight").uniform(0.5, 2.0, len(y)))
    given = where.array(y_hat, draw.layout), where.array(y)
    found = {}
    for what, weights in (("", None), (" with weights", where.array(weight))):
        losses = loss.forward(*given, sample_weight=weights, training=True)
        found[f"forward{what}"] = losses
        found[f"gradient of y_hat{what}"] = loss.backward()
    return {name: where.host(name, array) for name, array in found.items()}


def loss_inputs(case: LossCase, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions and targets for a draw, on the host: as many samples as it says."""
    rng = draw.generator(case.name, "data")
    y_hat, y = case.draw(rng)
    while len(y) < draw.n:
        more = case.draw(rng)
        y_hat, y = np.concatenate([y_hat, more[0]]), np.concatenate([y, more[1]])
    n = draw.n or len(y)
    return values_of(rounded(y_hat[:n]), draw.layout), rounded(y[:n])
