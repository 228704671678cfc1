"""The tables: one row a layer and a loss, from the catalogue, with its oracle in PyTorch.

The generic tests in test_layers.py and test_losses.py run every row on every backend, so a new
layer is one row in portanet/verify/catalogue, and its oracle here, in the file of its kind.
"""

from cases_activations import ACTIVATIONS
from cases_base import LayerCase, with_oracles
from cases_convolution import CONVOLUTION
from cases_graphs import GRAPHS
from cases_losses import LOSSES as LOSSES
from cases_normalization import NORMALIZATION
from cases_sequences import SEQUENCES
from cases_side_inputs import SIDE_INPUTS

from portanet.verify.catalogue import linear

LINEAR = with_oracles(
    LayerCase,
    linear.LINEAR,
    {
        "Linear": lambda layer, x, p: x @ p["weights"] + p["bias"],
        "Linear without bias": lambda layer, x, p: x @ p["weights"],
        "Linear on sequences": lambda layer, x, p: x @ p["weights"] + p["bias"],
    },
)
LAYERS = LINEAR + CONVOLUTION + ACTIVATIONS + NORMALIZATION + SEQUENCES + SIDE_INPUTS + GRAPHS
