"""The losses, one concept per file."""

from portanet.losses.binary import BCEWithLogits, BinaryCrossEntropy
from portanet.losses.cosine import Cosine
from portanet.losses.cross_entropy import NLL, CrossEntropy
from portanet.losses.divergence import KLDiv
from portanet.losses.hinge import Hinge
from portanet.losses.poisson import PoissonNLL
from portanet.losses.regression import MAE, MSE, Huber, SmoothL1
from portanet.losses.several import Losses

__all__ = [
    "MAE",
    "MSE",
    "NLL",
    "BCEWithLogits",
    "BinaryCrossEntropy",
    "Cosine",
    "CrossEntropy",
    "Hinge",
    "Huber",
    "KLDiv",
    "Losses",
    "PoissonNLL",
    "SmoothL1",
]
