"""The layers, one concept a file."""

from portanet.layers.activations import ReLU, Sigmoid, sigmoid
from portanet.layers.linear import Linear

__all__ = ["Linear", "ReLU", "Sigmoid", "sigmoid"]
