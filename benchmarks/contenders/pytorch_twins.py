"""The networks in PyTorch's words, with portanet's initial weights: the same arithmetic."""

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.networks import Network, initial_weights

Weights = dict[str, np.ndarray]
ELSEWHERE = ("query", "key", "value", "passes")  # what packed() and recurrent() bring


def twin(torch: Any, network: Network) -> Any:
    """Return the network as a torch.nn.Module."""
    builders = {
        "mlp": mlp, "cnn": cnn, "transformer": transformer, "lstm": lstm, "residual": residual,
        "embedding": embedding,
    }  # fmt: skip
    return builders[network.kind](torch.nn, network.sizes)


def mlp(nn: Any, sizes: tuple[int, ...]) -> Any:
    layers: list[Any] = []
    for n_inp, n_out in pairwise(sizes):
        layers += [nn.Linear(n_inp, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn(nn: Any, sizes: tuple[int, ...]) -> Any:  # noqa: ARG001
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 10),
    )  # fmt: skip


def transformer(nn: Any, sizes: tuple[int, ...]) -> Any:
    d, n_heads, n_hidden, n_blocks = sizes
    blocks = [block(nn, d, n_heads, n_hidden) for _ in range(n_blocks)]
    return nn.Sequential(*blocks, nn.Linear(d, 10))


def lstm(nn: Any, sizes: tuple[int, ...]) -> Any:
    """Return an LSTM whose second bias, which portanet does not have, stays 0."""
    n_inp, n_hidden = sizes

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(n_inp, n_hidden, batch_first=True)
            self.lstm.bias_hh_l0.requires_grad_(False)

        def forward(self, x: Any) -> Any:
            return self.lstm(x)[0]

    return nn.Sequential(Recurrent(), nn.Linear(n_hidden, 10))


def residual(nn: Any, sizes: tuple[int, ...]) -> Any:
    channels, n_blocks = sizes

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            first, second = (nn.Conv2d(channels, channels, 3, padding="same") for _ in range(2))
            self.f = nn.Sequential(first, nn.ReLU(), second)

        def forward(self, x: Any) -> Any:
            return x + self.f(x)

    blocks = [Residual() for _ in range(n_blocks)]
    mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # one layer, as GlobalAvgPool is
    return nn.Sequential(*blocks, mean, nn.Linear(channels, 10))


def embedding(nn: Any, sizes: tuple[int, ...]) -> Any:
    n_tokens, n_features, length = sizes
    return nn.Sequential(
        nn.Embedding(n_tokens, n_features), nn.Flatten(), nn.Linear(n_features * length, 10)
    )


def block(nn: Any, n_features: int, n_heads: int, n_hidden: int) -> Any:
    """Return a Transformer block with its norms inside, on PyTorch's fused attention."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(n_features), nn.LayerNorm(n_features)
            self.qkv = nn.Linear(n_features, 3 * n_features)  # the three products as one
            self.output = nn.Linear(n_features, n_features)
            self.feed_forward = nn.Sequential(
                nn.Linear(n_features, n_hidden), nn.GELU(), nn.Linear(n_hidden, n_features)
            )

        def attention(self, x: Any) -> Any:
            N, L, n = x.shape
            q, k, v = self.qkv(x).view(N, L, 3, n_heads, n // n_heads).permute(2, 0, 3, 1, 4)
            y = nn.functional.scaled_dot_product_attention(q, k, v)
            return self.output(y.transpose(1, 2).reshape(N, L, n))

        def forward(self, x: Any) -> Any:
            z = x + self.attention(self.norm1(x))
            return z + self.feed_forward(self.norm2(z))

    return Block()


def load_weights(torch: Any, network: Network, module: Any) -> None:
    """Give a twin portanet's initial weights."""
    weights = initial_weights(network)
    state = {
        renamed(name): value if is_table(network, name) or value.ndim != 2 else value.T
        for name, value in weights.items()
        if not set(name.split(".")) & set(ELSEWHERE)
    }  # a Linear of PyTorch's is (out, in)
    if network.kind == "transformer":
        for i in range(network.sizes[-1]):
            state |= packed(weights, i)
    if network.kind == "lstm":
        state |= recurrent(weights)
    tensors = {name: torch.tensor(np.ascontiguousarray(v)) for name, v in state.items()}
    module.load_state_dict(tensors)


def renamed(name: str) -> str:
    """Return the twin's name of a parameter."""
    name = name.removeprefix("layers.").replace("feed_forward.layers", "feed_forward")
    name = name.replace("layers.layers", "f")
    return name.replace("weights", "weight").replace("attention.output", "output")


def is_table(network: Network, name: str) -> bool:
    """Return whether a parameter is an embedding's table, whose rows are tokens in both."""
    return network.kind == "embedding" and name == "layers.0.weights"


def packed(weights: Weights, i: int) -> Weights:
    """Return block i's query, key and value as one layer; portanet's key has no bias, so 0 here."""
    of = f"layers.{i}.attention."
    three = [weights[f"{of}{name}.weights"] for name in ("query", "key", "value")]
    bias = [weights[f"{of}query.bias"], 0 * weights[f"{of}query.bias"], weights[f"{of}value.bias"]]
    return {
        f"{i}.qkv.weight": np.concatenate(three, axis=1).T,
        f"{i}.qkv.bias": np.concatenate(bias),
    }


def recurrent(weights: Weights) -> Weights:
    """Return the LSTM's weights; the gates have one order in both."""
    of, to = "layers.0.passes.0.0.", "0.lstm."
    return {
        f"{to}weight_ih_l0": weights[f"{of}weights"].T,
        f"{to}weight_hh_l0": weights[f"{of}recurrent_weights"].T,
        f"{to}bias_ih_l0": weights[f"{of}bias"],
        f"{to}bias_hh_l0": 0 * weights[f"{of}bias"],
    }
