"""Rows of the linear layer."""

from portanet.layers import Linear
from portanet.verify.catalogue.layer_case import LayerCase

LINEAR = [
    LayerCase("Linear", lambda: Linear(5, 3), (4, 5)),
    LayerCase("Linear without bias", lambda: Linear(5, 3, bias=False), (4, 5)),
    LayerCase("Linear on sequences", lambda: Linear(5, 3), (4, 2, 5)),
]
