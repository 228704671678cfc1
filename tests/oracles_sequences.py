"""Oracles for the rows of cases_sequences.py: the same layers in PyTorch's functions."""

from copy import deepcopy
from functools import partial

import numpy as np

from portanet import LSTM


def within(p, name):
    """The parameters of the layer of that name."""
    return {key.removeprefix(name): value for key, value in p.items() if key.startswith(name)}


def torch_recurrent(layer, x, p, lengths=None, **start):
    """PyTorch's layer of the same name, with the same parameters, in its orientation and names.

    Returns the outputs, with return_state the list of them and of the last states.
    """
    import torch
    from torch.nn.utils import rnn

    kind, n_layers, bidirectional = type(layer), len(layer.passes), len(layer.passes[0]) == 2
    has_bias = layer.passes[0][0].bias is not None
    module = getattr(torch.nn, kind.__name__)(
        layer.n_inp, layer.n_hidden, n_layers, bidirectional=bidirectional, batch_first=True,
        bias=has_bias,
    ).double()  # fmt: skip
    weights, states = {}, [h.transpose(0, 1) for h in start.values()]
    states = None if not states else states[0] if len(states) == 1 else tuple(states)
    for i, ways in enumerate(layer.passes):
        for j in range(len(ways)):
            mine, theirs = f"passes.{i}.{j}.", f"_l{i}" + "_reverse" * j
            weights["weight_ih" + theirs] = p[mine + "weights"].T
            weights["weight_hh" + theirs] = p[mine + "recurrent_weights"].T
            if has_bias:
                bias = p[mine + "bias"]
                weights["bias_ih" + theirs] = bias
                weights["bias_hh" + theirs] = p.get(mine + "recurrent_bias", 0 * bias.detach())
    if lengths is not None:
        lengths = torch.tensor(lengths[: x.shape[0]])
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, last = torch.func.functional_call(module, weights, (packed, states))
        y, _ = rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
    else:
        y, last = torch.func.functional_call(module, weights, (x, states))
    lasts = last if kind is LSTM else (last,)  # each (layers x ways, N, n_hidden)
    ways = len(layer.passes[0])
    y = y if layer.return_sequences else torch.cat(list(lasts[0][-ways:]), dim=1)
    return [y, *(h.transpose(0, 1) for h in lasts)] if layer.return_state else y


def torch_with_lengths(layer, x, p):
    return torch_recurrent(layer.layer, x, within(p, "layer."), layer.lengths.value)


def torch_attention(layer, x, p, memory=None, mask=None, values=None):
    """torch.nn.functional's multi-head attention, with the same parameters."""
    import torch
    import torch.nn.functional as F

    memory, parts = x if memory is None else memory, ("query", "key", "value")
    values = memory if values is None else values
    bias = "query.bias" in p
    biases = [p.get(f"{n}.bias", x.new_zeros(x.shape[2])) for n in parts]
    y, _ = F.multi_head_attention_forward(
        x.transpose(0, 1), memory.transpose(0, 1), values.transpose(0, 1),
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
    y = torch_attention(layer.layer, x, within(p, "layer."), mask=layer.lengths.value)
    return seen_outputs(layer, y)


def seen_outputs(layer, y):
    """y with 0 at padding, whose outputs differ: PyTorch's depend on what stands there."""
    import torch

    return y * torch.tensor(layer.lengths.value)[:, :, None]


def torch_turned(positions, x):
    """Rotary positions as a product of complex numbers, with the layer's rounded tables."""
    import torch

    cos, sin = (torch.tensor(t.value[: x.shape[-2]]) for t in (positions.cosines, positions.sines))
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).reshape(x.shape)


def torch_rotary_attention(layer, x, p, mask=None):
    import torch
    import torch.nn.functional as F

    n, length, f = x.shape
    q, k, v = (
        (x @ p[f"{name}.weights"] + p[f"{name}.bias"])
        .reshape(n, length, layer.n_heads, -1).transpose(1, 2)
        for name in ("query", "key", "value")
    )  # fmt: skip
    q, k = torch_turned(layer.positions, q), torch_turned(layer.positions, k)
    seen = None if mask is None else torch.tensor(mask)[:, None, None, :]
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=layer.causal)
    return y.transpose(1, 2).reshape(n, length, f) @ p["output.weights"] + p["output.bias"]


def torch_block(layer, x, p):
    """PyTorch's encoder layer with its norms first."""
    import torch

    n_hidden, attention = p["feed_forward.layers.0.bias"].shape[0], layer.attention
    module = torch.nn.TransformerEncoderLayer(
        x.shape[2], attention.n_heads, n_hidden, dropout=0.0, activation="gelu",
        batch_first=True, norm_first=True,
    ).double()  # fmt: skip
    mask = past(x.shape[1]) if attention.causal else None
    names = {"self_attn": "attention"}
    return torch.func.functional_call(module, block_weights(p, names, 2), (x, mask))


def torch_decoder_block(layer, x, p, memory, seen=None):
    """PyTorch's decoder layer with its norms first; seen: which tokens of the memory are."""
    import torch

    n_hidden = p["feed_forward.layers.0.bias"].shape[0]
    module = torch.nn.TransformerDecoderLayer(
        x.shape[2], layer.attention.n_heads, n_hidden, dropout=0.0, activation="gelu",
        batch_first=True, norm_first=True,
    ).double()  # fmt: skip
    names = {"self_attn": "attention", "multihead_attn": "cross"}
    masks = {
        "tgt_mask": past(x.shape[1]) if layer.attention.causal else None,
        "memory_key_padding_mask": None if seen is None else ~torch.tensor(seen),
    }
    weights = block_weights(p, names, 3)
    return torch.func.functional_call(module, weights, (x, memory), masks)


def block_weights(p, attentions, n_norms):
    """Our parameters in the names and orientation of PyTorch's block."""
    import torch

    weights, pairs = (
        {},
        [("linear1", "feed_forward.layers.0"), ("linear2", "feed_forward.layers.2")],
    )
    for theirs, mine in attentions.items():
        parts = [f"{mine}.{name}" for name in ("query", "key", "value")]
        biases = [p.get(f"{n}.bias", torch.zeros_like(p[f"{mine}.output.bias"])) for n in parts]
        weights[f"{theirs}.in_proj_weight"] = torch.cat([p[f"{n}.weights"].T for n in parts])
        weights[f"{theirs}.in_proj_bias"] = torch.cat(biases)
        pairs.append((f"{theirs}.out_proj", f"{mine}.output"))
    for theirs, mine in pairs + [(f"norm{i + 1}", f"norm{i + 1}") for i in range(n_norms)]:
        weight = p[f"{mine}.weights"]
        weights[f"{theirs}.weight"] = weight.T if weight.ndim == 2 else weight
        weights[f"{theirs}.bias"] = p[f"{mine}.bias"]
    return weights


def torch_by_parts(block, x, p, attention, kept=(1, 1)):
    """A block from PyTorch's functions; kept: what the two dropouts multiply by."""
    import torch.nn.functional as F

    def norm(name, x):
        return F.layer_norm(x, x.shape[2:], p[f"{name}.weights"], p[f"{name}.bias"])

    def linear(number, x):
        return (
            x @ p[f"feed_forward.layers.{number}.weights"] + p[f"feed_forward.layers.{number}.bias"]
        )

    a = attention(block.attention, norm("norm1", x), within(p, "attention."))
    z = x + kept[0] * a
    return z + kept[1] * linear(2, F.gelu(linear(0, norm("norm2", z))))


def torch_dropout_block(block, x, p):
    """With the masks that the layer itself draws: test_normalization.py has Dropout's own tests."""
    dropouts = deepcopy((block.dropout1, block.dropout2))  # a forward moves them on
    ones = np.ones(tuple(x.shape))
    kept = [x.new_tensor(d.forward(ones, training=True)) for d in dropouts]
    return torch_by_parts(block, x, p, torch_attention, kept)


def torch_rotary_block(layer, x, p):
    attention = partial(torch_rotary_attention, mask=layer.lengths.value)
    return seen_outputs(layer, torch_by_parts(layer.layer, x, within(p, "layer."), attention))


def embedded(layer, x, p):
    import torch.nn.functional as F

    return F.embedding(x, p["weights"])
