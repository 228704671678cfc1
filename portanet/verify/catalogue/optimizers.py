"""Rows of the optimizers: rules with options, and gradients for them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from portanet.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
)


@dataclass(frozen=True)
class OptimizerCase:
    """One rule with options: make(model, lr=…, **options) returns the optimizer."""

    name: str
    make: Callable[..., Any]

    kind = "optimizer"


OPTIMIZERS = [
    OptimizerCase("SGD", lambda m, lr=0.05, **o: SGD(m, lr=lr, **o)),
    OptimizerCase("SGD momentum", lambda m, lr=0.05, **o: SGD(m, lr=lr, momentum=0.9, **o)),
    OptimizerCase(
        "SGD Nesterov",
        lambda m, lr=0.05, **o: SGD(m, lr=lr, momentum=0.9, nesterov=True, weight_decay=1e-3, **o),
    ),
    OptimizerCase("Adam", lambda m, lr=0.02, **o: Adam(m, lr=lr, **o)),
    OptimizerCase(
        "Adam amsgrad",
        lambda m, lr=0.02, **o: Adam(
            m, lr=lr, amsgrad=True, beta1=0.8, beta2=0.9, weight_decay=1e-3, **o
        ),
    ),
    OptimizerCase("AdamW", lambda m, lr=0.02, **o: AdamW(m, lr=lr, weight_decay=0.1, **o)),
    OptimizerCase("RMSprop", lambda m, lr=0.01, **o: RMSprop(m, lr=lr, weight_decay=1e-3, **o)),
    OptimizerCase(
        "RMSprop centered",
        lambda m, lr=0.01, **o: RMSprop(
            m, lr=lr, centered=True, momentum=0.9, alpha=0.9, epsilon=1e-6, **o
        ),
    ),
    OptimizerCase(
        "Adagrad",
        lambda m, lr=0.1, **o: Adagrad(
            m, lr=lr, lr_decay=0.01, initial_total=0.1, weight_decay=1e-3, **o
        ),
    ),
    OptimizerCase("Adadelta", lambda m, lr=1.0, **o: Adadelta(m, lr=lr, weight_decay=1e-3, **o)),
    OptimizerCase("NAdam", lambda m, lr=0.02, **o: NAdam(m, lr=lr, weight_decay=1e-3, **o)),
    OptimizerCase("RAdam", lambda m, lr=0.02, **o: RAdam(m, lr=lr, weight_decay=1e-3, **o)),
    OptimizerCase(
        "Lion",
        lambda m, lr=0.01, **o: Lion(m, lr=lr, weight_decay=0.1, **o),
    ),
    OptimizerCase("Muon", lambda m, lr=0.02, **o: Muon(m, lr=lr, adamw_lr=lr, **o)),
    OptimizerCase(
        "Muon like AdamW",
        lambda m, lr=0.02, **o: Muon(m, lr=lr, adamw_lr=lr, nesterov=False, scaling="rms", **o),
    ),
]


def gradient(name: str, value: np.ndarray, step: int) -> np.ndarray:
    """Return the gradient of a quadratic bowl at value, with noise that is the same everywhere."""
    rng = np.random.default_rng([step, *name.encode()])
    stiffness = np.linspace(0.1, 2, value.size).reshape(value.shape)
    return stiffness * (value - 0.3) + 0.1 * rng.standard_normal(value.shape)
