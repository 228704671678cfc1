"""Rows of activations and dropout."""

import numpy as np

from portanet.layers import (
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
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from portanet.verify.catalogue.layer_case import LayerCase


def away_from_corners(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers on all three pieces of HardSigmoid, at least 0.2 from its corners -3 and 3."""
    return rng.choice([-3.0, 0.0, 3.0], shape) + rng.choice([-1.0, 1.0], shape) * rng.uniform(
        0.2, 1.5, shape
    )


ACTIVATIONS = [
    LayerCase("ReLU", ReLU, (4, 5)),
    LayerCase("Sigmoid", Sigmoid, (4, 5)),
    LayerCase("LeakyReLU", lambda: LeakyReLU(0.2), (4, 5)),
    LayerCase("PReLU", PReLU, (4, 5)),
    LayerCase("PReLU of channels", lambda: PReLU(3), (4, 3)),
    LayerCase("PReLU of channels of images", lambda: PReLU(3), (2, 3, 2, 2)),
    LayerCase("ELU", lambda: ELU(1.5), (4, 5)),
    LayerCase("SELU", SELU, (4, 5)),
    LayerCase("Softplus", Softplus, (4, 5)),
    LayerCase("Softplus, steep", lambda: Softplus(2.5), (4, 5)),
    LayerCase("Tanh", Tanh, (4, 5)),
    LayerCase("HardSigmoid", HardSigmoid, (4, 5), x=away_from_corners),
    LayerCase("HardSwish", HardSwish, (4, 5), x=away_from_corners),
    LayerCase("GELU", GELU, (4, 5)),
    LayerCase(
        "GELU tanh",
        lambda: GELU(approximate="tanh"),
        (4, 5),
    ),
    LayerCase("SiLU", SiLU, (4, 5)),
    LayerCase("Mish", Mish, (4, 5)),
    LayerCase("Softmax", Softmax, (4, 5)),
    LayerCase("Softmax of channels", lambda: Softmax(axis=1), (2, 3, 4)),
    LayerCase("LogSoftmax", LogSoftmax, (4, 5)),
    LayerCase("LogSoftmax of channels", lambda: LogSoftmax(axis=1), (2, 3, 4)),
    LayerCase("Dropout", lambda: Dropout(0.3), (4, 5)),
]
