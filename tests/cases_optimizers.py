"""One row for each rule: how to make it, and how PyTorch (or the paper) moves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from portanet import (
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
    """One rule with options.

    `torch(torch, parameters)` returns the optimizers that move PyTorch's parameters alike. `lr` and
    `n_steps` bring (x, y) from (-1, 1), where Rosenbrock's function is 4, into its valley near the
    minimum at (1, 1), where it is at most `reached`. `parabola_lr` is for a round bowl. `ulps` bounds
    the distance from float64 on NumPy after 50 steps, in units of the dtype's last place at the
    largest number: each step rounds the value, by half a unit, which makes 25; a move is a small
    part of the value, and what its own roundings add up to is left the other 7.
    """

    id: str
    make: Callable[..., Any]
    torch: Callable[..., list[Any]] | None
    lr: float
    n_steps: int = 2000
    reached: float = 0.05
    parabola_lr: float = 0.02
    ulps: float = 32


def _both(muon):
    """PyTorch's Muon for the matrices, its AdamW for the rest."""

    def make(torch, parameters):
        matrices = [p for p in parameters if p.ndim == 2]
        rest = [p for p in parameters if p.ndim != 2]
        options = {"betas": (0.9, 0.95), "eps": 1e-10}
        return [
            muon(torch, matrices),
            torch.optim.AdamW(rest, lr=0.02, weight_decay=0.1, **options),
        ]

    return make


OPTIMIZERS = [
    OptimizerCase(
        "SGD", lambda m, lr=0.05, **o: SGD(m, lr=lr, **o),
        lambda torch, p: [torch.optim.SGD(p, lr=0.05)], lr=0.002, n_steps=4000, reached=0.1,
    ),
    OptimizerCase(
        "SGD momentum", lambda m, lr=0.05, **o: SGD(m, lr=lr, momentum=0.9, **o),
        lambda torch, p: [torch.optim.SGD(p, lr=0.05, momentum=0.9)], lr=0.001,
    ),
    OptimizerCase(
        "SGD Nesterov", lambda m, lr=0.05, **o: SGD(m, lr=lr, momentum=0.9, nesterov=True, weight_decay=1e-3, **o),
        lambda torch, p: [torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)], lr=0.001,
    ),
    OptimizerCase(
        "Adam", lambda m, lr=0.02, **o: Adam(m, lr=lr, **o),
        lambda torch, p: [torch.optim.Adam(p, lr=0.02)], lr=0.02,
    ),
    OptimizerCase(
        "Adam amsgrad", lambda m, lr=0.02, **o: Adam(m, lr=lr, amsgrad=True, beta1=0.8, beta2=0.9, weight_decay=1e-3, **o),
        lambda torch, p: [torch.optim.Adam(p, lr=0.02, amsgrad=True, betas=(0.8, 0.9), weight_decay=1e-3)], lr=0.02,
    ),
    OptimizerCase(
        "AdamW", lambda m, lr=0.02, **o: AdamW(m, lr=lr, weight_decay=0.1, **o),
        lambda torch, p: [torch.optim.AdamW(p, lr=0.02, weight_decay=0.1)], lr=0.02,
    ),
    OptimizerCase(
        "RMSprop", lambda m, lr=0.01, **o: RMSprop(m, lr=lr, weight_decay=1e-3, **o),
        lambda torch, p: [torch.optim.RMSprop(p, lr=0.01, weight_decay=1e-3)], lr=0.002,
    ),
    OptimizerCase(
        "RMSprop centered", lambda m, lr=0.01, **o: RMSprop(m, lr=lr, centered=True, momentum=0.9, alpha=0.9, epsilon=1e-6, **o),
        lambda torch, p: [torch.optim.RMSprop(p, lr=0.01, centered=True, momentum=0.9, alpha=0.9, eps=1e-6)], lr=0.0005, n_steps=4000,
    ),
    OptimizerCase(
        "Adagrad", lambda m, lr=0.1, **o: Adagrad(m, lr=lr, lr_decay=0.01, initial_total=0.1, weight_decay=1e-3, **o),
        lambda torch, p: [torch.optim.Adagrad(p, lr=0.1, lr_decay=0.01, initial_accumulator_value=0.1, weight_decay=1e-3)],
        lr=1.0, n_steps=4000, reached=0.2, parabola_lr=2.0,
    ),
    OptimizerCase(
        "Adadelta", lambda m, lr=1.0, **o: Adadelta(m, lr=lr, weight_decay=1e-3, **o),
        lambda torch, p: [torch.optim.Adadelta(p, lr=1.0, weight_decay=1e-3)], lr=0.1, n_steps=4000, parabola_lr=3.0,
    ),
    OptimizerCase(
        "NAdam", lambda m, lr=0.02, **o: NAdam(m, lr=lr, weight_decay=1e-3, **o),
        lambda torch, p: [torch.optim.NAdam(p, lr=0.02, weight_decay=1e-3)], lr=0.02,
    ),
    OptimizerCase(
        "RAdam", lambda m, lr=0.02, **o: RAdam(m, lr=lr, weight_decay=1e-3, **o),
        lambda torch, p: [torch.optim.RAdam(p, lr=0.02, weight_decay=1e-3)], lr=0.002, n_steps=6000,
    ),
    OptimizerCase(
        "Lion", lambda m, lr=0.01, **o: Lion(m, lr=lr, weight_decay=0.1, **o), None, lr=0.001, n_steps=4000,
    ),
    OptimizerCase(
        "Muon", lambda m, lr=0.02, **o: Muon(m, lr=lr, adamw_lr=lr, **o),
        _both(lambda torch, p: torch.optim.Muon(p, lr=0.02)), lr=0.02,
    ),
    OptimizerCase(
        "Muon like AdamW", lambda m, lr=0.02, **o: Muon(m, lr=lr, adamw_lr=lr, nesterov=False, scaling="rms", **o),
        _both(lambda torch, p: torch.optim.Muon(p, lr=0.02, nesterov=False, adjust_lr_fn="match_rms_adamw")), lr=0.02,
    ),
]  # fmt: skip


def gradient(name: str, value: np.ndarray, step: int) -> np.ndarray:
    """The gradient of a quadratic bowl at value, and noise that is the same wherever it is drawn."""
    rng = np.random.default_rng([step, *name.encode()])
    stiffness = np.linspace(0.1, 2, value.size).reshape(value.shape)
    return stiffness * (value - 0.3) + 0.1 * rng.standard_normal(value.shape)
