"""Rows for layers that take arrays beside x: start states, memory, values, masks."""

from math import prod

import numpy as np
from cases_base import LayerCase
from oracles_sequences import torch_attention, torch_decoder_block, torch_recurrent, within

from portanet import (
    GRU,
    LSTM,
    RNN,
    Buffer,
    Layer,
    MultiHeadAttention,
    Parameter,
    TransformerDecoderBlock,
    array_namespace,
)

LENGTHS = np.array([2, 3, 1])
SEEN = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 0, 0]], bool)


class Beside(Layer):
    """A layer with its side inputs: floats are parameters here, so that gradients are checked.

    A number stands for random floats of that shape. Of several outputs it returns all numbers of a
    sample in one row.
    """

    def __init__(self, layer, **side):
        rng = np.random.default_rng(5)
        self.layer, self.side = layer, {}
        for name, value in side.items():
            is_shape = isinstance(value, tuple)
            value = rng.standard_normal(value).astype(np.float32) if is_shape else value
            self.side[name] = Parameter(value) if is_shape else Buffer(value)

    def forward(self, x, *, training=False):
        side = {name: held.value[: x.shape[0], ...] for name, held in self.side.items()}
        y = self.layer.forward(x, **side, training=training)
        if training:
            self._saved = [tuple(part.shape) for part in y] if isinstance(y, list) else ()
        return _in_rows(y) if isinstance(y, list) else y

    def backward(self, grad):
        shapes = self._take_saved()
        grad = self.layer.backward(_out_of_rows(grad, shapes) if shapes else grad)
        for name, held in self.side.items():
            if isinstance(held, Parameter):
                held.grad = getattr(self.layer, f"{name}_grad")
        return grad


def _in_rows(parts):
    xp = array_namespace(parts[0])
    rows = [xp.reshape(part, (part.shape[0], prod(part.shape[1:]))) for part in parts]
    return xp.concat(rows, axis=1)


def _out_of_rows(rows, shapes):
    parts, start = [], 0
    for shape in shapes:
        end = start + prod(shape[1:])
        parts.append(array_namespace(rows).reshape(rows[:, start:end], shape))
        start = end
    return parts


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


SIDE_INPUTS = [
    LayerCase(
        "RNN, start state", lambda: Beside(RNN(2, 2), h0=(3, 1, 2)), (3, 3, 2),
        torch=oracle(torch_recurrent),
    ),
    LayerCase(
        "LSTM, two ways, start states, last ones returned",
        lambda: Beside(LSTM(2, 2, bidirectional=True, return_state=True), h0=(3, 2, 2), c0=(3, 2, 2)),
        (3, 3, 2), torch=oracle(torch_recurrent),
    ),
    LayerCase(
        "GRU, no bias, lengths, start state, last one returned",
        lambda: Beside(GRU(2, 2, bias=False, return_state=True), lengths=LENGTHS, h0=(3, 1, 2)),
        (3, 3, 2), torch=oracle(torch_recurrent),
    ),
    LayerCase(
        "MultiHeadAttention, memory", lambda: Beside(MultiHeadAttention(4, 2), memory=(2, 5, 4)),
        (2, 3, 4), torch=oracle(_torch_attention),
    ),
    LayerCase(
        "MultiHeadAttention, memory, values, padding",
        lambda: Beside(
            MultiHeadAttention(4, 2), memory=(2, 5, 4), values=(2, 5, 4), padding_mask=SEEN
        ),
        (2, 3, 4), torch=oracle(_torch_attention),
    ),
    LayerCase(
        "TransformerDecoderBlock",
        lambda: Beside(
            TransformerDecoderBlock(4, 2, n_hidden=4), memory=(2, 5, 4), memory_padding_mask=SEEN
        ),
        (2, 3, 4), torch=oracle(_torch_decoder),
    ),
]  # fmt: skip

# What these rows add up of is on every backend above: their values on NumPy are enough.
MORE_SIDE_INPUTS = [
    LayerCase(
        f"{kind.__name__}, everything at once",
        lambda kind=kind, options=options: Beside(
            kind(3, 2, n_layers=2, bidirectional=True, return_state=True, **options),
            lengths=LENGTHS, **dict.fromkeys(kind._start_names, (3, 4, 2)),
        ),
        (3, 3, 3), torch=oracle(torch_recurrent),
    )
    for kind, options in (
        (RNN, {"bias": False}), (LSTM, {"return_sequences": False}), (GRU, {"return_sequences": False}),
    )
] + [
    LayerCase(
        "LSTM, no bias, two layers", lambda: LSTM(2, 3, n_layers=2, bias=False), (2, 3, 2),
        torch=torch_recurrent,
    ),
    LayerCase(
        "MultiHeadAttention, values", lambda: Beside(MultiHeadAttention(4, 2, causal=True), values=(2, 3, 4)),
        (2, 3, 4), torch=oracle(_torch_attention),
    ),
    LayerCase(
        "TransformerDecoderBlock, not causal, no mask",
        lambda: Beside(TransformerDecoderBlock(4, 2, causal=False), memory=(2, 5, 4)),
        (2, 3, 4), torch=oracle(_torch_decoder),
    ),
    LayerCase(
        "TransformerDecoderBlock, rotary, dropout, padding",
        lambda: Beside(
            TransformerDecoderBlock(4, 2, n_hidden=4, rotary=True, dropout=0.3), memory=(2, 5, 4),
            padding_mask=np.array([[1, 1, 0], [1, 0, 1]], bool), memory_padding_mask=SEEN,
        ),
        (2, 3, 4),
    ),
]  # fmt: skip
