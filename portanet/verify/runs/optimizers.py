"""A rule at a place: values and slots after some steps on gradients that are drawn.

The walk over a model, accumulation and clipping are not here: trajectories take real steps.
"""

import numpy as np

from portanet.layer import Layer, Parameter
from portanet.typing import Array
from portanet.verify.catalogue.optimizers import OptimizerCase
from portanet.verify.runs.inputs import Draw, rounded
from portanet.verify.runs.where import Where

SHAPES = {"matrix": (5, 3), "vector": (3,)}
N_STEPS = 5


class Bag(Layer):
    """Parameters and nothing else."""

    def __init__(self, **values: Array) -> None:
        for name, value in values.items():
            setattr(self, name, Parameter(value))


def run_optimizer(case: OptimizerCase, draw: Draw, where: Where) -> dict[str, np.ndarray]:
    """Return each parameter and its slots, by "value of …" and "slot … of …"."""
    rng = draw.generator(case.name)
    start = {name: rounded(rng.standard_normal(shape)) for name, shape in SHAPES.items()}
    optimizer = case.make(Bag(**start))
    found = {}
    for name, value in start.items():
        rule = optimizer.rule_of(name, getattr(optimizer.model, name))
        now = where.array(value, draw.layout if draw.layout == "fortran" else "contiguous")
        slots = rule.init(now)
        for step in range(1, N_STEPS + 1):
            grad = where.array(rounded(rng.standard_normal(value.shape)))
            now, slots = rule.update(now, grad, slots, rule.scalars(step))
        found[f"value of {name}"] = now
        found |= {f"slot {key} of {name}": slot for key, slot in slots.items()}
    return {name: where.host(name, array) for name, array in found.items()}
