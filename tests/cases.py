"""The tables: one row a layer and a loss.

The generic tests in test_layers.py and test_losses.py run every row on every backend, so a new
layer is one row here, or in the file of its kind, which is added up below.
"""

from cases_activations import ACTIVATIONS
from cases_base import LayerCase, LossCase, weighted
from cases_convolution import CONVOLUTION
from cases_graphs import GRAPHS
from cases_losses import LOSSES as MORE_LOSSES
from cases_normalization import NORMALIZATION
from cases_sequences import SEQUENCES
from cases_side_inputs import SIDE_INPUTS

from portanet import BCEWithLogits, BinaryCrossEntropy, Linear, ReLU, Sigmoid

LAYERS = [
    LayerCase(
        "Linear", lambda: Linear(5, 3), (4, 5),
        torch=lambda layer, x, p: x @ p["weights"] + p["bias"],
    ),
    LayerCase(
        "Linear without bias", lambda: Linear(5, 3, bias=False), (4, 5),
        torch=lambda layer, x, p: x @ p["weights"],
    ),
    LayerCase(
        "Linear on sequences", lambda: Linear(5, 3), (4, 2, 5),
        torch=lambda layer, x, p: x @ p["weights"] + p["bias"],
    ),
    LayerCase("ReLU", ReLU, (4, 5), torch=lambda layer, x, p: x.relu()),
    LayerCase("Sigmoid", Sigmoid, (4, 5), torch=lambda layer, x, p: x.sigmoid()),
]  # fmt: skip


def _torch_bce(y_hat, y, weight):
    import torch.nn.functional as F

    return weighted(F.binary_cross_entropy(y_hat, y, reduction="none"), weight)


def _torch_bce_with_logits(y_hat, y, weight):
    import torch.nn.functional as F

    return weighted(F.binary_cross_entropy_with_logits(y_hat, y, reduction="none"), weight)


LOSSES = [
    LossCase(
        "BinaryCrossEntropy", BinaryCrossEntropy,
        lambda rng: rng.uniform(0.05, 0.95, (6, 1)), lambda rng: rng.integers(0, 2, (6, 1)) * 1.0,
        torch=_torch_bce,
    ),
    LossCase(
        "BCEWithLogits", BCEWithLogits,
        lambda rng: rng.standard_normal((6, 3)), lambda rng: rng.integers(0, 2, (6, 3)) * 1.0,
        torch=_torch_bce_with_logits,
    ),
    LossCase(
        "BCEWithLogits soft", lambda: BCEWithLogits(soft_targets=True),
        lambda rng: rng.standard_normal((6, 1)), lambda rng: rng.uniform(0, 1, (6, 1)),
        torch=_torch_bce_with_logits,
    ),
]  # fmt: skip

LAYERS += CONVOLUTION
LAYERS += ACTIVATIONS + NORMALIZATION
LAYERS += SEQUENCES + SIDE_INPUTS + GRAPHS
LOSSES += MORE_LOSSES
