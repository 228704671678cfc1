"""Rows of layers and losses with masks, and which numbers the masks hide."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import portanet
from portanet import (
    GRU,
    LSTM,
    MSE,
    NLL,
    RNN,
    AvgPool2d,
    BCEWithLogits,
    Buffer,
    Conv2d,
    CrossEntropy,
    Dropout,
    Embedding,
    HardSigmoid,
    HardSwish,
    KLDiv,
    Layer,
    MaxPool2d,
    MultiHeadAttention,
    Parameter,
    ReLU,
    Sequential,
    TransformerBlock,
    TransformerDecoderBlock,
)
from portanet.verify.catalogue.beside import Beside

MASK = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0]], bool)
LENGTHS = MASK.sum(axis=1)
TOKENS = np.ones((3, 4, 4), bool)  # floats of which none is hidden
PADDING = np.repeat(~MASK[:, :, None], 4, axis=2)
AFTER = np.repeat(np.arange(4)[None, :] >= LENGTHS[:, None], 4, axis=1).reshape(3, 4, 4)
SIGNS = np.random.default_rng(4).choice([-1.0, 1.0], (3, 4))
GAPS = np.ones((2, 2, 5, 5), bool)  # what windows of 2 x 2 leave out that are 3 apart
GAPS[:, :, :2, :2] = GAPS[:, :, :2, 3:] = GAPS[:, :, 3:, :2] = GAPS[:, :, 3:, 3:] = False


class Spoiled(Layer):
    """Hides outputs of the layer before, as a loss that ignores them, and sends junk back for them."""

    def __init__(self, hidden, junk):
        self.hidden, self.junk = None if hidden is None else Buffer(hidden), junk

    def forward(self, x, *, training=False):
        return x if self.hidden is None else where(self.hidden.value, 0.0, x)

    def backward(self, grad):
        return grad if self.hidden is None else where(self.hidden.value, self.junk, grad)


class Held(Layer):
    """Passes x on as a side input of a layer, whose x is a parameter here."""

    def __init__(self, layer, name, **options):
        self.layer, self.name, self.options = layer, name, options
        self.x = Parameter(normal(3, 2, 4))

    def forward(self, x, *, training=False):
        side = {name: held.value for name, held in self.options.items()}
        return self.layer.forward(self.x.value, **{self.name: x}, **side, training=training)

    def backward(self, grad):
        self.x.grad = self.layer.backward(grad)
        return getattr(self.layer, f"{self.name}_grad")


def where(condition, a, b):
    return portanet.array_namespace(condition).where(condition, a, b)


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


@dataclass(frozen=True)
class Hidden:
    """A layer, and which numbers of its input and of dL/d(output) a mask hides."""

    id: str
    make: Callable[[], Any]
    x: np.ndarray  # clean
    of_x: Any = None
    of_y: Any = None

    def network(self, junk):
        portanet.seed(3)
        return Sequential([self.make(), Spoiled(self.of_y, junk), Shift()], MSE())

    def input(self, junk):
        return self.x if self.of_x is None else np.where(self.of_x, np.float32(junk), self.x)


class Shift(Layer):
    """y = x + b, so that a network without parameters has one."""

    def __init__(self):
        self.b = Parameter(np.asarray(0.5, np.float32))

    def forward(self, x, *, training=False):
        return x + self.b.value

    def backward(self, grad):
        self.b.grad = portanet.array_namespace(grad).sum(grad)
        return grad


def masked(layer):
    return Beside(layer, padding_mask=MASK)


def with_lengths(layer):
    return Beside(layer, lengths=LENGTHS)


def memory(layer, name="memory", mask="padding_mask"):
    return Held(layer, name, **{mask: Buffer(MASK)})


def dropped():
    """Which of 3 x 4 numbers a Dropout made after seed(3) drops first."""
    portanet.seed(3)
    return Dropout(0.5).forward(np.ones((3, 4)), training=True) == 0


ROWS = [
    Hidden("dropout", lambda: Dropout(0.5), normal(3, 4), dropped(), dropped()),
    Hidden("attention", lambda: masked(MultiHeadAttention(4, 2)), normal(3, 4, 4), PADDING),
    Hidden("causal rotary attention",
           lambda: masked(MultiHeadAttention(4, 2, causal=True, rotary=True)), normal(3, 4, 4), PADDING),
    Hidden("memory", lambda: memory(MultiHeadAttention(4, 2)), normal(3, 4, 4), PADDING),
    Hidden("block", lambda: masked(TransformerBlock(4, 2)), normal(3, 4, 4), PADDING),
    Hidden("decoder block",
           lambda: Beside(TransformerDecoderBlock(4, 2), memory=(3, 2, 4), padding_mask=MASK),
           normal(3, 4, 4), PADDING),
    Hidden("decoder block's memory",
           lambda: memory(TransformerDecoderBlock(4, 2), mask="memory_padding_mask"),
           normal(3, 4, 4), PADDING),
    Hidden("embedding", lambda: Embedding(5, 4, padding_index=0), np.where(MASK, [1, 2, 1, 4], 0), of_y=PADDING),
    Hidden("embedding of many", lambda: Embedding(40, 4, padding_index=0), np.where(MASK, [1, 2, 1, 4], 0), of_y=PADDING),
    Hidden("RNN", lambda: with_lengths(RNN(4, 4, n_layers=2)), normal(3, 4, 4), AFTER, AFTER),
    Hidden("LSTM", lambda: with_lengths(LSTM(4, 2, bidirectional=True)), normal(3, 4, 4), AFTER, AFTER),
    Hidden("GRU", lambda: with_lengths(GRU(4, 4, return_sequences=False)), normal(3, 4, 4), AFTER),
    Hidden("ReLU", ReLU, normal(3, 4), of_y=normal(3, 4) <= 0),
    Hidden("HardSigmoid", HardSigmoid, np.float32(4) * SIGNS.astype(np.float32), of_y=SIGNS != 0),
    Hidden("HardSwish", HardSwish, np.float32(4) * SIGNS.astype(np.float32), of_y=SIGNS < 0),
    Hidden("max pooling", lambda: MaxPool2d(2, stride=3), normal(2, 2, 5, 5), GAPS),
    Hidden("mean pooling", lambda: AvgPool2d(2, stride=3), normal(2, 2, 5, 5), GAPS),
    Hidden("convolution", lambda: Conv2d(2, 3, 2, stride=3), normal(2, 2, 5, 5), GAPS),
]  # fmt: skip
IGNORED = np.array([[0, 9, 2], [9, 9, 1]])
LOSSES = {
    "ignored": (lambda: CrossEntropy(ignore_index=9), normal(2, 3, 4), IGNORED, IGNORED == 9),
    "ignored, smoothed": (
        lambda: CrossEntropy(ignore_index=9, label_smoothing=0.1), normal(2, 3, 4), IGNORED, IGNORED == 9
    ),
    "a class of weight 0": (
        lambda: CrossEntropy(class_weights=[1, 0, 2, 1]), normal(6, 4), IGNORED.ravel() % 8, IGNORED.ravel() == 9
    ),
    "NLL, ignored": (lambda: NLL(ignore_index=9), normal(2, 3, 4), IGNORED, IGNORED == 9),
    "NLL, a class of weight 0": (
        lambda: NLL(class_weights=[1, 0, 2, 1]), normal(6, 4), IGNORED.ravel() % 8, IGNORED.ravel() == 9
    ),
    "positives of weight 0": (
        lambda: BCEWithLogits(positive_weight=0.0), normal(3, 4), SIGNS > 0, SIGNS > 0
    ),
    "no share": (
        KLDiv, np.log(np.full((3, 4), 0.25, np.float32)), (np.eye(4)[:3]).astype(np.float32), np.eye(4)[:3] == 0
    ),
}  # fmt: skip
