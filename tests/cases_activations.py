"""Rows of activations and dropout."""

import numpy as np
from cases_base import LayerCase

from portanet import (
    ELU,
    GELU,
    SELU,
    Dropout,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)


def functional(name, *args, **options):
    """PyTorch's function of this name, as a row's oracle."""

    def torch(layer, x, p):
        import torch.nn.functional as F

        return getattr(F, name)(x, *args, **options)

    return torch


def away_from_corners(rng, shape):
    """Numbers on all three pieces of HardSigmoid, at least 0.2 from its corners -3 and 3."""
    return rng.choice([-3.0, 0.0, 3.0], shape) + rng.choice([-1.0, 1.0], shape) * rng.uniform(
        0.2, 1.5, shape
    )


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


ACTIVATIONS = [
    LayerCase("LeakyReLU", lambda: LeakyReLU(0.2), (4, 5), torch=functional("leaky_relu", 0.2)),
    LayerCase("PReLU", PReLU, (4, 5), torch=_torch_prelu),
    LayerCase("PReLU of channels", lambda: PReLU(3), (4, 3), torch=_torch_prelu),
    LayerCase("PReLU of channels of images", lambda: PReLU(3), (2, 3, 2, 2), torch=_torch_prelu),
    LayerCase("ELU", lambda: ELU(1.5), (4, 5), torch=functional("elu", 1.5)),
    LayerCase("SELU", SELU, (4, 5), torch=functional("selu")),
    LayerCase("Softplus", Softplus, (4, 5), torch=functional("softplus")),
    LayerCase("Softplus, steep", lambda: Softplus(2.5), (4, 5), torch=functional("softplus", 2.5)),
    LayerCase("Tanh", Tanh, (4, 5), torch=functional("tanh")),
    LayerCase(
        "HardSigmoid", HardSigmoid, (4, 5), torch=_torch_hard_sigmoid, x=away_from_corners
    ),
    LayerCase("HardSwish", HardSwish, (4, 5), torch=functional("hardswish"), x=away_from_corners),
    LayerCase("GELU", GELU, (4, 5), torch=functional("gelu")),
    LayerCase(
        "GELU tanh", lambda: GELU(approximate="tanh"), (4, 5),
        torch=functional("gelu", approximate="tanh"),
    ),
    LayerCase("SiLU", SiLU, (4, 5), torch=functional("silu")),
    LayerCase("Mish", Mish, (4, 5), torch=functional("mish")),
    LayerCase("Softmax", Softmax, (4, 5), torch=functional("softmax", dim=-1)),
    LayerCase("Softmax of channels", lambda: Softmax(axis=1), (2, 3, 4),
              torch=functional("softmax", dim=1)),
    LayerCase("LogSoftmax", LogSoftmax, (4, 5), torch=functional("log_softmax", dim=-1)),
    LayerCase("LogSoftmax of channels", lambda: LogSoftmax(axis=1), (2, 3, 4),
              torch=functional("log_softmax", dim=1)),
    LayerCase("Dropout", lambda: Dropout(0.3), (4, 5), torch=_torch_dropout),
]  # fmt: skip
