"""The catalogue of the agreement kit: a case for everything public that computes."""

from portanet.verify.catalogue.activations import ACTIVATIONS
from portanet.verify.catalogue.convolution import CONVOLUTION
from portanet.verify.catalogue.graphs import GRAPHS
from portanet.verify.catalogue.kernels import ACCELERABLE as FIRST_KERNELS
from portanet.verify.catalogue.kernels import KernelCase
from portanet.verify.catalogue.layer_case import LayerCase
from portanet.verify.catalogue.linear import LINEAR
from portanet.verify.catalogue.loss_case import LossCase
from portanet.verify.catalogue.losses import LOSSES as FIRST_LOSSES
from portanet.verify.catalogue.losses import MORE_LOSSES
from portanet.verify.catalogue.metrics import METRICS, MetricCase
from portanet.verify.catalogue.more_kernels import MORE_KERNELS
from portanet.verify.catalogue.normalization import NORMALIZATION
from portanet.verify.catalogue.optimizers import OPTIMIZERS, OptimizerCase
from portanet.verify.catalogue.schedules import SCHEDULES, ScheduleCase
from portanet.verify.catalogue.sequences import MORE_SEQUENCES, SEQUENCES
from portanet.verify.catalogue.side_inputs import MORE_SIDE_INPUTS, SIDE_INPUTS

Case = LayerCase | LossCase | OptimizerCase | MetricCase | ScheduleCase | KernelCase

LAYERS = (
    LINEAR + CONVOLUTION + ACTIVATIONS + NORMALIZATION + SEQUENCES + SIDE_INPUTS + GRAPHS
    + MORE_SEQUENCES + MORE_SIDE_INPUTS
)  # fmt: skip

LOSSES = FIRST_LOSSES + MORE_LOSSES
ACCELERABLE = FIRST_KERNELS + MORE_KERNELS

__all__ = [
    "ACCELERABLE", "LAYERS", "LOSSES", "METRICS", "OPTIMIZERS", "SCHEDULES", "Case", "KernelCase",
    "LayerCase", "LossCase", "MetricCase", "OptimizerCase", "ScheduleCase",
]  # fmt: skip
