"""Rows for layers that take arrays beside x: start states, memory, values, masks."""

from typing import Any

import numpy as np

from portanet.layers import (
    GRU,
    LSTM,
    RNN,
    MultiHeadAttention,
    TransformerDecoderBlock,
)
from portanet.verify.catalogue.beside import Beside
from portanet.verify.catalogue.layer_case import LayerCase

LENGTHS = np.array([2, 3, 1])
SEEN = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 0, 0]], bool)


def _everything(kind: Any, **options: bool) -> LayerCase:
    """Return a recurrent layer with all that it can have."""

    def make() -> Beside:
        layer = kind(3, 2, n_layers=2, bidirectional=True, return_state=True, **options)
        return Beside(layer, lengths=LENGTHS, **dict.fromkeys(kind._start_names, (3, 4, 2)))

    return LayerCase(f"{kind.__name__}, everything at once", make, (3, 3, 3))


SIDE_INPUTS = [
    LayerCase(
        "RNN, start state",
        lambda: Beside(RNN(2, 2), h0=(3, 1, 2)),
        (3, 3, 2),
    ),
    LayerCase(
        "LSTM, two ways, start states, last ones returned",
        lambda: Beside(
            LSTM(2, 2, bidirectional=True, return_state=True), h0=(3, 2, 2), c0=(3, 2, 2)
        ),
        (3, 3, 2),
    ),
    LayerCase(
        "GRU, no bias, lengths, start state, last one returned",
        lambda: Beside(GRU(2, 2, bias=False, return_state=True), lengths=LENGTHS, h0=(3, 1, 2)),
        (3, 3, 2),
    ),
    LayerCase(
        "MultiHeadAttention, memory",
        lambda: Beside(MultiHeadAttention(4, 2), memory=(2, 5, 4)),
        (2, 3, 4),
    ),
    LayerCase(
        "MultiHeadAttention, memory, values, padding",
        lambda: Beside(
            MultiHeadAttention(4, 2), memory=(2, 5, 4), values=(2, 5, 4), padding_mask=SEEN
        ),
        (2, 3, 4),
    ),
    LayerCase(
        "TransformerDecoderBlock",
        lambda: Beside(
            TransformerDecoderBlock(4, 2, n_hidden=4), memory=(2, 5, 4), memory_padding_mask=SEEN
        ),
        (2, 3, 4),
    ),
]

# What these rows add up of is on every backend above: their values on NumPy are enough.
MORE_SIDE_INPUTS = [
    _everything(RNN, bias=False),
    _everything(LSTM, return_sequences=False),
    _everything(GRU, return_sequences=False),
    LayerCase(
        "LSTM, no bias, two layers",
        lambda: LSTM(2, 3, n_layers=2, bias=False),
        (2, 3, 2),
    ),
    LayerCase(
        "MultiHeadAttention, values",
        lambda: Beside(MultiHeadAttention(4, 2, causal=True), values=(2, 3, 4)),
        (2, 3, 4),
    ),
    LayerCase(
        "TransformerDecoderBlock, not causal, no mask",
        lambda: Beside(TransformerDecoderBlock(4, 2, causal=False), memory=(2, 5, 4)),
        (2, 3, 4),
    ),
    LayerCase(
        "TransformerDecoderBlock, rotary, dropout, padding",
        lambda: Beside(
            TransformerDecoderBlock(4, 2, n_hidden=4, rotary=True, dropout=0.3),
            memory=(2, 5, 4),
            padding_mask=np.array([[1, 1, 0], [1, 0, 1]], bool),
            memory_padding_mask=SEEN,
        ),
        (2, 3, 4),
    ),
]
