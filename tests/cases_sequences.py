"""Rows for layers on sequences: embedding, recurrent layers, positions, attention."""

import numpy as np
from cases_base import LayerCase
from cases_side_inputs import MORE_SIDE_INPUTS
from oracles_sequences import (
    embedded,
    torch_attention,
    torch_block,
    torch_dropout_block,
    torch_masked,
    torch_recurrent,
    torch_rotary_attention,
    torch_rotary_block,
    torch_turned,
    torch_with_lengths,
)

import portanet
from portanet import (
    GRU,
    LSTM,
    RNN,
    Buffer,
    Embedding,
    Layer,
    MultiHeadAttention,
    RotaryPositions,
    SinusoidalPositions,
    TransformerBlock,
)

LENGTHS = np.array([2, 3, 1])
MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
MASK_AFTER = np.array([[1, 1, 0], [1, 0, 1]], bool)  # every token sees the first one


class WithLengths(Layer):
    """A recurrent layer on sequences of given lengths."""

    def __init__(self, layer, lengths=LENGTHS):
        self.layer, self.lengths = layer, Buffer(lengths)

    def forward(self, x, *, training=False):
        if training:
            self._saved = True
        lengths = self.lengths.value[: x.shape[0]]
        return self.layer.forward(x, lengths=lengths, training=training)

    def backward(self, grad):
        self._take_saved()
        return self.layer.backward(grad)


class WithMask(WithLengths):
    """An attention layer on tokens some of which are padding, whose outputs nobody uses."""

    def __init__(self, layer, mask=MASK):
        super().__init__(layer, mask)

    def forward(self, x, *, training=False):
        if training:
            self._saved = True
        y = self.layer.forward(x, padding_mask=self.mask(x), training=training)
        return portanet.array_namespace(x).where(self.mask(x)[:, :, None], y, 0)

    def backward(self, grad):
        self._take_saved()
        grad = portanet.array_namespace(grad).where(self.mask(grad)[:, :, None], grad, 0)
        return self.layer.backward(grad)

    def mask(self, x):
        return self.lengths.value[: x.shape[0], :]


def tokens(rng, shape):
    return rng.integers(0, 7, shape)


# Few rows with few shapes: every new one costs JAX a compilation of every operation.
SEQUENCES = [
    LayerCase("Embedding", lambda: Embedding(7, 3), (4, 5), x=tokens, torch=embedded),
    LayerCase("Embedding, many tokens", lambda: Embedding(40, 3), (4, 5), x=tokens, torch=embedded),
    LayerCase("RNN", lambda: RNN(2, 2), (3, 3, 2), torch=torch_recurrent),
    LayerCase("LSTM", lambda: LSTM(2, 2), (3, 3, 2), torch=torch_recurrent),
    LayerCase("GRU", lambda: GRU(2, 2), (3, 3, 2), torch=torch_recurrent),
    LayerCase(
        "GRU, lengths, two ways", lambda: WithLengths(GRU(2, 2, bidirectional=True)),
        (3, 3, 2), torch=torch_with_lengths,
    ),
    LayerCase(
        "LSTM, lengths, last", lambda: WithLengths(LSTM(2, 2, return_sequences=False)),
        (3, 3, 2), torch=torch_with_lengths,
    ),
    LayerCase(
        "SinusoidalPositions", lambda: SinusoidalPositions(4, 6), (2, 3, 4),
        torch=lambda layer, x, p: x + x.new_tensor(layer.table.value[:3]),
    ),
    LayerCase(
        "RotaryPositions", lambda: RotaryPositions(4, 6), (2, 3, 4),
        torch=lambda layer, x, p: torch_turned(layer, x),
    ),
    LayerCase(
        "MultiHeadAttention", lambda: MultiHeadAttention(4, 2), (2, 3, 4), torch=torch_attention
    ),
    LayerCase(
        "MultiHeadAttention, padding", lambda: WithMask(MultiHeadAttention(4, 2)), (2, 3, 4),
        torch=torch_masked,
    ),
    LayerCase(
        "TransformerBlock", lambda: TransformerBlock(4, 2, n_hidden=4, causal=True), (2, 3, 4),
        torch=torch_block,
    ),
]  # fmt: skip

# What these rows add up of is on every backend above: their values on NumPy are enough.
MORE_SEQUENCES = [
    LayerCase(
        "RNN, lengths, two layers, two ways, last",
        lambda: WithLengths(RNN(3, 2, n_layers=2, bidirectional=True, return_sequences=False)),
        (3, 3, 3), torch=torch_with_lengths,
    ),
    LayerCase(
        "LSTM, two layers, two ways, last",
        lambda: LSTM(3, 2, n_layers=2, bidirectional=True, return_sequences=False),
        (2, 4, 3), torch=torch_recurrent,
    ),
    LayerCase(
        "LSTM, lengths, two layers, two ways",
        lambda: WithLengths(LSTM(3, 2, n_layers=2, bidirectional=True)),
        (3, 3, 3), torch=torch_with_lengths,
    ),
    LayerCase(
        "GRU, two layers, two ways", lambda: GRU(3, 2, n_layers=2, bidirectional=True),
        (2, 4, 3), torch=torch_recurrent,
    ),
    LayerCase(
        "GRU, lengths, last, two ways",
        lambda: WithLengths(GRU(3, 2, bidirectional=True, return_sequences=False)),
        (3, 3, 3), torch=torch_with_lengths,
    ),
    LayerCase(
        "MultiHeadAttention, causal, no bias",
        lambda: MultiHeadAttention(4, 1, causal=True, bias=False), (2, 4, 4), torch=torch_attention,
    ),
    LayerCase(
        "MultiHeadAttention, causal, padding",
        lambda: WithMask(MultiHeadAttention(4, 2, causal=True), MASK_AFTER), (2, 3, 4),
        torch=torch_masked,
    ),
    LayerCase(
        "MultiHeadAttention, rotary",
        lambda: MultiHeadAttention(4, 2, causal=True, rotary=True, max_length=8),
        (2, 4, 4), torch=torch_rotary_attention,
    ),
    LayerCase("TransformerBlock, no mask", lambda: TransformerBlock(4, 2), (2, 3, 4), torch=torch_block),
    LayerCase(
        "TransformerBlock, dropout", lambda: TransformerBlock(4, 2, n_hidden=5, dropout=0.3), (2, 3, 4),
        torch=torch_dropout_block,
    ),
    LayerCase(
        "TransformerBlock, padding, rotary",
        lambda: WithMask(TransformerBlock(4, 2, n_hidden=5, rotary=True, max_length=4)), (2, 3, 4),
        torch=torch_rotary_block,
    ),
]  # fmt: skip

MORE_SEQUENCES += MORE_SIDE_INPUTS
