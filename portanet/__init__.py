"""portanet: a neural-network library that you can read.

One network, written against the Python array API standard, trains on NumPy on a CPU, on CuPy on an
NVIDIA GPU, and on PyTorch, JAX and array-api-strict; `model.to("cupy")` is the whole difference.
"""

from portanet import backends, errors
from portanet._version import __version__
from portanet.backends import array_namespace, available, backend_of
from portanet.data import DataLoader, Dataset
from portanet.dispatch import accelerable
from portanet.layer import Buffer, Layer, Parameter, Sequential
from portanet.layers import Linear, ReLU, Sigmoid
from portanet.loss import Loss
from portanet.losses import BCEWithLogits, BinaryCrossEntropy
from portanet.metrics import accuracy
from portanet.optimizers import SGD, Optimizer
from portanet.preprocessing import Normalizer, normalize
from portanet.random import seed
from portanet.trainer import Trainer
from portanet.verify import check_gradients

__all__ = [
    "SGD",
    "BCEWithLogits",
    "BinaryCrossEntropy",
    "Buffer",
    "DataLoader",
    "Dataset",
    "Layer",
    "Linear",
    "Loss",
    "Normalizer",
    "Optimizer",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Trainer",
    "__version__",
    "accelerable",
    "accuracy",
    "array_namespace",
    "available",
    "backend_of",
    "backends",
    "check_gradients",
    "errors",
    "normalize",
    "seed",
]
