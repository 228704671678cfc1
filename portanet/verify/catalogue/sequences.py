"""Rows for layers on sequences: embedding, recurrent layers, positions, attention."""

import numpy as np

from portanet.layers import (
    GRU,
    LSTM,
    RNN,
    Embedding,
    MultiHeadAttention,
    RotaryPositions,
    SinusoidalPositions,
    TransformerBlock,
)
from portanet.verify.catalogue.layer_case import LayerCase
from portanet.verify.catalogue.masked import MASK_AFTER, WithLengths, WithMask


def tokens(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return class indices below 7."""
    return rng.integers(0, 7, shape)


# Few rows with few shapes: every new one costs JAX a compilation of every operation.
SEQUENCES = [
    LayerCase("Embedding", lambda: Embedding(7, 3), (4, 5), x=tokens),
    LayerCase("Embedding, many tokens", lambda: Embedding(40, 3), (4, 5), x=tokens),
    LayerCase("RNN", lambda: RNN(2, 2), (3, 3, 2)),
    LayerCase("LSTM", lambda: LSTM(2, 2), (3, 3, 2)),
    LayerCase("GRU", lambda: GRU(2, 2), (3, 3, 2)),
    LayerCase(
        "GRU, lengths, two ways",
        lambda: WithLengths(GRU(2, 2, bidirectional=True)),
        (3, 3, 2),
    ),
    LayerCase(
        "LSTM, lengths, last",
        lambda: WithLengths(LSTM(2, 2, return_sequences=False)),
        (3, 3, 2),
    ),
    LayerCase(
        "SinusoidalPositions",
        lambda: SinusoidalPositions(4, 6),
        (2, 3, 4),
    ),
    LayerCase(
        "RotaryPositions",
        lambda: RotaryPositions(4, 6),
        (2, 3, 4),
    ),
    LayerCase("MultiHeadAttention", lambda: MultiHeadAttention(4, 2), (2, 3, 4)),
    LayerCase(
        "MultiHeadAttention, padding",
        lambda: WithMask(MultiHeadAttention(4, 2)),
        (2, 3, 4),
    ),
    LayerCase(
        "TransformerBlock",
        lambda: TransformerBlock(4, 2, n_hidden=4, causal=True),
        (2, 3, 4),
    ),
]

# What these rows add up of is on every backend above: their values on NumPy are enough.
MORE_SEQUENCES = [
    LayerCase(
        "RNN, lengths, two layers, two ways, last",
        lambda: WithLengths(RNN(3, 2, n_layers=2, bidirectional=True, return_sequences=False)),
        (3, 3, 3),
    ),
    LayerCase(
        "LSTM, two layers, two ways, last",
        lambda: LSTM(3, 2, n_layers=2, bidirectional=True, return_sequences=False),
        (2, 4, 3),
    ),
    LayerCase(
        "LSTM, lengths, two layers, two ways",
        lambda: WithLengths(LSTM(3, 2, n_layers=2, bidirectional=True)),
        (3, 3, 3),
    ),
    LayerCase(
        "GRU, two layers, two ways",
        lambda: GRU(3, 2, n_layers=2, bidirectional=True),
        (2, 4, 3),
    ),
    LayerCase(
        "GRU, lengths, last, two ways",
        lambda: WithLengths(GRU(3, 2, bidirectional=True, return_sequences=False)),
        (3, 3, 3),
    ),
    LayerCase(
        "MultiHeadAttention, causal, no bias",
        lambda: MultiHeadAttention(4, 1, causal=True, bias=False),
        (2, 4, 4),
    ),
    LayerCase(
        "MultiHeadAttention, causal, padding",
        lambda: WithMask(MultiHeadAttention(4, 2, causal=True), MASK_AFTER),
        (2, 3, 4),
    ),
    LayerCase(
        "MultiHeadAttention, rotary",
        lambda: MultiHeadAttention(4, 2, causal=True, rotary=True, max_length=8),
        (2, 4, 4),
    ),
    LayerCase("TransformerBlock, no mask", lambda: TransformerBlock(4, 2), (2, 3, 4)),
    LayerCase(
        "TransformerBlock, dropout",
        lambda: TransformerBlock(4, 2, n_hidden=5, dropout=0.3),
        (2, 3, 4),
    ),
    LayerCase(
        "TransformerBlock, padding, rotary",
        lambda: WithMask(TransformerBlock(4, 2, n_hidden=5, rotary=True, max_length=4)),
        (2, 3, 4),
    ),
]
