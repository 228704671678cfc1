"""PyTorch's oracles for the rows of layers that take arrays beside x."""

from cases_base import LayerCase, with_oracles
from oracles_sequences import torch_attention, torch_decoder_block, torch_recurrent, within

from portanet import Parameter
from portanet.verify.catalogue import side_inputs


def oracle(torch):
    """PyTorch's function of (layer, x, its parameters, side inputs), as a row's oracle."""

    def of_row(row, x, p):
        side = {
            name: p[f"side.{name}"] if isinstance(held, Parameter) else held.value
            for name, held in row.side.items()
        }
        y = torch(row.layer, x, within(p, "layer."), **side)
        return _torch_rows(y) if isinstance(y, list) else y

    return of_row


def _torch_rows(parts):
    import torch

    return torch.cat([part.reshape(part.shape[0], -1) for part in parts], dim=1)


def _torch_decoder(layer, x, p, memory, memory_padding_mask=None):
    return torch_decoder_block(layer, x, p, memory, memory_padding_mask)


def _torch_attention(layer, x, p, padding_mask=None, **side):
    return torch_attention(layer, x, p, mask=padding_mask, **side)


ORACLES = {
    "RNN, start state": oracle(torch_recurrent),
    "LSTM, two ways, start states, last ones returned": oracle(torch_recurrent),
    "GRU, no bias, lengths, start state, last one returned": oracle(torch_recurrent),
    "MultiHeadAttention, memory": oracle(_torch_attention),
    "MultiHeadAttention, memory, values, padding": oracle(_torch_attention),
    "TransformerDecoderBlock": oracle(_torch_decoder),
}
SIDE_INPUTS = with_oracles(LayerCase, side_inputs.SIDE_INPUTS, ORACLES)

# What these rows add up of is on every backend above: their values on NumPy are enough.
MORE = {
    **{f"{kind}, everything at once": oracle(torch_recurrent) for kind in ("RNN", "LSTM", "GRU")},
    "LSTM, no bias, two layers": torch_recurrent,
    "MultiHeadAttention, values": oracle(_torch_attention),
    "TransformerDecoderBlock, not causal, no mask": oracle(_torch_decoder),
}
WITHOUT = ["TransformerDecoderBlock, rotary, dropout, padding"]
MORE_SIDE_INPUTS = with_oracles(LayerCase, side_inputs.MORE_SIDE_INPUTS, MORE, WITHOUT)
