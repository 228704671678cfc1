"""PyTorch's oracles for the rows of activations and dropout."""

import numpy as np
from cases_base import LayerCase, with_oracles

from portanet.verify.catalogue import activations


def functional(name, *args, **options):
    """PyTorch's function of this name, as a row's oracle."""

    def torch(layer, x, p):
        import torch.nn.functional as F

        return getattr(F, name)(x, *args, **options)

    return torch


def _torch_hard_sigmoid(layer, x, p):
    # by hand: the derivative of F.hardsigmoid is float32's 1/6 in float64, too (PyTorch 2.13)
    return (x / 6 + 0.5).clamp(0, 1)


def _torch_prelu(layer, x, p):
    import torch.nn.functional as F

    return F.prelu(x, p["slopes"])


def _torch_dropout(layer, x, p):
    """The mask is the layer's own; test_activations.py looks at its distribution."""
    import torch

    numbers = layer.key.generator(0).random(tuple(x.shape), dtype=np.float32)
    return x * torch.tensor(numbers >= layer.p) / (1 - layer.p)


ORACLES = {
    "ReLU": functional("relu"),
    "Sigmoid": functional("sigmoid"),
    "LeakyReLU": functional("leaky_relu", 0.2),
    "PReLU": _torch_prelu,
    "PReLU of channels": _torch_prelu,
    "PReLU of channels of images": _torch_prelu,
    "ELU": functional("elu", 1.5),
    "SELU": functional("selu"),
    "Softplus": functional("softplus"),
    "Softplus, steep": functional("softplus", 2.5),
    "Tanh": functional("tanh"),
    "HardSigmoid": _torch_hard_sigmoid,
    "HardSwish": functional("hardswish"),
    "GELU": functional("gelu"),
    "GELU tanh": functional("gelu", approximate="tanh"),
    "SiLU": functional("silu"),
    "Mish": functional("mish"),
    "Softmax": functional("softmax", dim=-1),
    "Softmax of channels": functional("softmax", dim=1),
    "LogSoftmax": functional("log_softmax", dim=-1),
    "LogSoftmax of channels": functional("log_softmax", dim=1),
    "Dropout": _torch_dropout,
}
ACTIVATIONS = with_oracles(LayerCase, activations.ACTIVATIONS, ORACLES)
