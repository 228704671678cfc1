"""Learning-rate schedules: functions of the number of previous steps.

    SGD(model, lr=Cosine(0.1, 1000))            0.1 at the first step, 0 at step 1000
    AdamW(model, lr=WarmUp(Cosine(1e-3, 900), 100))

A schedule is any function of a step 0, 1, 2, … that returns a number >= 0. These run on the host
and can be compared, printed and plotted; Plateau depends on a reported metric and has a state. They
count optimizer steps; PerEpoch converts epochs to steps. Their rates are PyTorch's where
torch.optim.lr_scheduler has the schedule.
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
