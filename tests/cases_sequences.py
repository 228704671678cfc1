"""Rows for layers on sequences: embedding, recurrent layers, positions, attention."""

import numpy as np
from cases_base import LayerCase

from portanet import (
    GRU,
    LSTM,
    RNN,
    Buffer,
    Embedding,
    Layer,
    MultiHeadAttention,
    Parameter,
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
    """An attention layer on tokens some of which are padding."""

    def __init__(self, layer, mask=MASK):
        super().__init__(layer, mask)

    def forward(self, x, *, training=False):
        if training:
            self._saved = True
        mask = self.lengths.value[: x.shape[0], :]
        return self.layer.forward(x, padding_mask=mask, training=training)


class Crossed(Layer):
    """Attention to a memory, which is a parameter here, so that its gradient is checked, too."""

    def __init__(self, layer, shape):
        self.layer = layer
        self.memory = Parameter(np.random.default_rng(5).normal(size=shape).astype(np.float32))

    def forward(self, x, *, training=False):
        if training:
            self._saved = True
        memory = self.memory.value[: x.shape[0], ...]
        return self.layer.forward(x, memory, training=training)

    def backward(self, grad):
        self._take_saved()
        grad = self.layer.backward(grad)
        self.memory.grad = self.layer.memory_grad
        return grad


def torch_recurrent(layer, x, p, lengths=None):
    """PyTorch's layer of the same name, with the same parameters, in its orientation and names."""
    import torch
    from torch.nn.utils import rnn

    kind, n_layers, bidirectional = type(layer), len(layer.passes), len(layer.passes[0]) == 2
    module = getattr(torch.nn, kind.__name__)(
        layer.n_inp, layer.n_hidden, n_layers, bidirectional=bidirectional, batch_first=True
    )
    weights = {}
    for i, ways in enumerate(layer.passes):
        for j in range(len(ways)):
            mine, theirs = f"passes.{i}.{j}.", f"_l{i}" + "_reverse" * j
            weights["weight_ih" + theirs] = p[mine + "weights"].T
            weights["weight_hh" + theirs] = p[mine + "recurrent_weights"].T
            bias = p[mine + "bias"]
            weights["bias_ih" + theirs] = bias
            weights["bias_hh" + theirs] = p.get(mine + "recurrent_bias", 0 * bias.detach())
    if lengths is not None:
        lengths = torch.tensor(lengths[: x.shape[0]])
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, last = torch.func.functional_call(module.double(), weights, (packed,))
        y, _ = rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
    else:
        y, last = torch.func.functional_call(module.double(), weights, (x,))
    last = last[0] if kind is LSTM else last  # (layers x ways, N, n_hidden)
    ways = len(layer.passes[0])
    return y if layer.return_sequences else torch.cat(list(last[-ways:]), dim=1)


def torch_with_lengths(layer, x, p):
    inner = {name.removeprefix("layer."): value for name, value in p.items()}
    return torch_recurrent(layer.layer, x, inner, LENGTHS)


def torch_attention(layer, x, p, memory=None, mask=None):
    """torch.nn.functional's multi-head attention, with the same parameters."""
    import torch
    import torch.nn.functional as F

    memory, parts = x if memory is None else memory, ("query", "key", "value")
    bias = "query.bias" in p
    biases = [p.get(f"{n}.bias", x.new_zeros(x.shape[2])) for n in parts]
    y, _ = F.multi_head_attention_forward(
        x.transpose(0, 1), memory.transpose(0, 1), memory.transpose(0, 1),
        x.shape[2], layer.n_heads, torch.cat([p[f"{n}.weights"].T for n in parts]),
        torch.cat(biases) if bias else None, None, None, False, 0.0,
        p["output.weights"].T, p["output.bias"] if bias else None, need_weights=False,
        key_padding_mask=None if mask is None else ~torch.tensor(mask),
        attn_mask=past(x.shape[1]) if layer.causal else None,
    )  # fmt: skip
    return y.transpose(0, 1)


def past(length):
    import torch

    return torch.ones(length, length, dtype=torch.bool).triu(1)  # True: not seen


def torch_masked(layer, x, p):
    inner = {name.removeprefix("layer."): value for name, value in p.items()}
    return torch_attention(layer.layer, x, inner, mask=layer.lengths.value)


def torch_crossed(layer, x, p):
    inner = {name.removeprefix("layer."): value for name, value in p.items()}
    return torch_attention(layer.layer, x, inner, memory=p["memory"])


def torch_turned(positions, x):
    """Rotary positions as a product of complex numbers, with the layer's rounded tables."""
    import torch

    cos, sin = (torch.tensor(t.value[: x.shape[-2]]) for t in (positions.cosines, positions.sines))
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).reshape(x.shape)


def torch_rotary_attention(layer, x, p):
    import torch.nn.functional as F

    n, length, f = x.shape
    q, k, v = (
        (x @ p[f"{name}.weights"] + p[f"{name}.bias"])
        .reshape(n, length, layer.n_heads, -1).transpose(1, 2)
        for name in ("query", "key", "value")
    )  # fmt: skip
    q, k = torch_turned(layer.positions, q), torch_turned(layer.positions, k)
    y = F.scaled_dot_product_attention(q, k, v, is_causal=layer.causal)
    return y.transpose(1, 2).reshape(n, length, f) @ p["output.weights"] + p["output.bias"]


def torch_block(layer, x, p):
    """PyTorch's encoder layer with its norms first."""
    import torch

    n_hidden, attention = p["feed_forward.layers.0.bias"].shape[0], layer.attention
    module = torch.nn.TransformerEncoderLayer(
        x.shape[2], attention.n_heads, n_hidden, dropout=0.0, activation="gelu",
        batch_first=True, norm_first=True,
    ).double()  # fmt: skip
    parts = [f"attention.{name}" for name in ("query", "key", "value")]
    weights = {
        "self_attn.in_proj_weight": torch.cat([p[f"{n}.weights"].T for n in parts]),
        "self_attn.in_proj_bias": torch.cat(
            [p.get(f"{n}.bias", x.new_zeros(x.shape[2])) for n in parts]
        ),
    }
    for theirs, mine in (
        ("self_attn.out_proj", "attention.output"), ("linear1", "feed_forward.layers.0"),
        ("linear2", "feed_forward.layers.2"), ("norm1", "norm1"), ("norm2", "norm2"),
    ):  # fmt: skip
        weight = p[f"{mine}.weights"]
        weights[f"{theirs}.weight"] = weight.T if weight.ndim == 2 else weight
        weights[f"{theirs}.bias"] = p[f"{mine}.bias"]
    mask = past(x.shape[1]) if attention.causal else None
    return torch.func.functional_call(module, weights, (x, mask))


def tokens(rng, shape):
    return rng.integers(0, 7, shape)


def embedded(layer, x, p):
    import torch.nn.functional as F

    return F.embedding(x, p["weights"])


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
        "MultiHeadAttention, memory", lambda: Crossed(MultiHeadAttention(4, 2), (2, 5, 4)), (2, 3, 4),
        torch=torch_crossed,
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
        "TransformerBlock, dropout", lambda: TransformerBlock(4, 2, n_hidden=5, dropout=0.3), (2, 3, 4)
    ),
    LayerCase(
        "TransformerBlock, padding, rotary",
        lambda: WithMask(TransformerBlock(4, 2, n_hidden=5, rotary=True, max_length=4)), (2, 3, 4),
    ),
]  # fmt: skip
