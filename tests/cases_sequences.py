"""PyTorch's oracles for the rows of layers on sequences."""

from cases_base import LayerCase, with_oracles
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

from portanet.verify.catalogue import sequences

ORACLES = {
    "Embedding": embedded,
    "Embedding, many tokens": embedded,
    "RNN": torch_recurrent,
    "LSTM": torch_recurrent,
    "GRU": torch_recurrent,
    "GRU, lengths, two ways": torch_with_lengths,
    "LSTM, lengths, last": torch_with_lengths,
    "SinusoidalPositions": lambda layer, x, p: x + x.new_tensor(layer.table.value[:3]),
    "RotaryPositions": lambda layer, x, p: torch_turned(layer, x),
    "MultiHeadAttention": torch_attention,
    "MultiHeadAttention, padding": torch_masked,
    "TransformerBlock": torch_block,
}
SEQUENCES = with_oracles(LayerCase, sequences.SEQUENCES, ORACLES)

# What these rows add up of is on every backend above: their values on NumPy are enough.
MORE = {
    "RNN, lengths, two layers, two ways, last": torch_with_lengths,
    "LSTM, two layers, two ways, last": torch_recurrent,
    "LSTM, lengths, two layers, two ways": torch_with_lengths,
    "GRU, two layers, two ways": torch_recurrent,
    "GRU, lengths, last, two ways": torch_with_lengths,
    "MultiHeadAttention, causal, no bias": torch_attention,
    "MultiHeadAttention, causal, padding": torch_masked,
    "MultiHeadAttention, rotary": torch_rotary_attention,
    "TransformerBlock, no mask": torch_block,
    "TransformerBlock, dropout": torch_dropout_block,
    "TransformerBlock, padding, rotary": torch_rotary_block,
}
MORE_SEQUENCES = with_oracles(LayerCase, sequences.MORE_SEQUENCES, MORE) + MORE_SIDE_INPUTS
