"""How the learning rate changes: functions of the number of steps taken before.

    SGD(model, lr=Cosine(0.1, 1000))            0.1 at the first step, 0 at step 1000
    AdamW(model, lr=WarmUp(Cosine(1e-3, 900), 100))

A schedule is any function of a step 0, 1, 2, … that returns a number >= 0. These live on the host
and can be compared, printed and drawn; Plateau is told a metric and remembers it. They count
optimizer steps; PerEpoch turns epochs into steps. Their rates are PyTorch's, where
torch.optim.lr_scheduler has the rule.
"""

from portanet.schedules.composed import Chain, PerEpoch, WarmUp
from portanet.schedules.cosines import Cosine, OneCycle
from portanet.schedules.decays import Constant, Exponential, MultiStep, Polynomial, StepDecay
from portanet.schedules.plateau import Plateau

__all__ = [
    "Chain",
    "Constant",
    "Cosine",
    "Exponential",
    "MultiStep",
    "OneCycle",
    "PerEpoch",
    "Plateau",
    "Polynomial",
    "StepDecay",
    "WarmUp",
]
