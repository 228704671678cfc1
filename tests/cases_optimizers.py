"""PyTorch's oracles for the rules of the catalogue, and how each walks to a minimum."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portanet.verify.catalogue import optimizers
from portanet.verify.catalogue.optimizers import gradient as gradient

_MAKE = {case.name: case.make for case in optimizers.OPTIMIZERS}


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


def _row(name, torch, **options):
    return OptimizerCase(name, _MAKE.pop(name), torch, **options)


OPTIMIZERS = [
    _row(
        "SGD", lambda torch, p: [torch.optim.SGD(p, lr=0.05)], lr=0.002, n_steps=4000, reached=0.1,
    ),
    _row(
        "SGD momentum", lambda torch, p: [torch.optim.SGD(p, lr=0.05, momentum=0.9)], lr=0.001,
    ),
    _row(
        "SGD Nesterov", lambda torch, p: [torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)], lr=0.001,
    ),
    _row(
        "Adam", lambda torch, p: [torch.optim.Adam(p, lr=0.02)], lr=0.02,
    ),
    _row(
        "Adam amsgrad", lambda torch, p: [torch.optim.Adam(p, lr=0.02, amsgrad=True, betas=(0.8, 0.9), weight_decay=1e-3)], lr=0.02,
    ),
    _row(
        "AdamW", lambda torch, p: [torch.optim.AdamW(p, lr=0.02, weight_decay=0.1)], lr=0.02,
    ),
    _row(
        "RMSprop", lambda torch, p: [torch.optim.RMSprop(p, lr=0.01, weight_decay=1e-3)], lr=0.002,
    ),
    _row(
        "RMSprop centered", lambda torch, p: [torch.optim.RMSprop(p, lr=0.01, centered=True, momentum=0.9, alpha=0.9, eps=1e-6)], lr=0.0005, n_steps=4000,
    ),
    _row(
        "Adagrad", lambda torch, p: [torch.optim.Adagrad(p, lr=0.1, lr_decay=0.01, initial_accumulator_value=0.1, weight_decay=1e-3)],
        lr=1.0, n_steps=4000, reached=0.2, parabola_lr=2.0,
    ),
    _row(
        "Adadelta", lambda torch, p: [torch.optim.Adadelta(p, lr=1.0, weight_decay=1e-3)], lr=0.1, n_steps=4000, parabola_lr=3.0,
    ),
    _row(
        "NAdam", lambda torch, p: [torch.optim.NAdam(p, lr=0.02, weight_decay=1e-3)], lr=0.02,
    ),
    _row(
        "RAdam", lambda torch, p: [torch.optim.RAdam(p, lr=0.02, weight_decay=1e-3)], lr=0.002, n_steps=6000,
    ),
    _row(
        "Lion", None, lr=0.001, n_steps=4000,
    ),
    _row(
        "Muon", _both(lambda torch, p: torch.optim.Muon(p, lr=0.02)), lr=0.02,
    ),
    _row(
        "Muon like AdamW", _both(lambda torch, p: torch.optim.Muon(p, lr=0.02, nesterov=False, adjust_lr_fn="match_rms_adamw")), lr=0.02,
    ),
]  # fmt: skip
assert not _MAKE, f"no oracle for {_MAKE}"
