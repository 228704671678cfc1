"""The networks in PyTorch's words, with portanet's initial weights: the same arithmetic."""

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.networks import Network, initial_weights


def twin(torch: Any, network: Network) -> Any:
    """Return the network as a torch.nn.Module."""
    nn = torch.nn
    if network.kind == "mlp":
        layers: list[Any] = []
        for n_inp, n_out in pairwise(network.sizes):
            layers += [nn.Linear(n_inp, n_out), nn.ReLU()]
        return nn.Sequential(*layers[:-1])
    if network.kind == "cnn":
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(1568, 10),
        )  # fmt: skip
    blocks = [block(nn, 64, 4, 256) for _ in range(2)]
    return nn.Sequential(*blocks, nn.Linear(64, 10))


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
    state: dict[str, np.ndarray] = {}
    for name, value in weights.items():
        name = name.removeprefix("layers.").replace("feed_forward.layers", "feed_forward")
        name = name.replace("weights", "weight").replace("attention.output", "output")
        if "attention" not in name:
            state[name] = (
                value.T if value.ndim == 2 else value
            )  # a Linear of PyTorch's is (out, in)
    if network.kind == "transformer":
        for i in range(2):
            state |= packed(weights, i)
    tensors = {name: torch.tensor(np.ascontiguousarray(v)) for name, v in state.items()}
    module.load_state_dict(tensors)


def packed(weights: dict[str, np.ndarray], i: int) -> dict[str, np.ndarray]:
    """Return block i's query, key and value as one layer; portanet's key has no bias, so 0 here."""
    of = f"layers.{i}.attention."
    three = [weights[f"{of}{name}.weights"] for name in ("query", "key", "value")]
    bias = [weights[f"{of}query.bias"], 0 * weights[f"{of}query.bias"], weights[f"{of}value.bias"]]
    return {
        f"{i}.qkv.weight": np.concatenate(three, axis=1).T,
        f"{i}.qkv.bias": np.concatenate(bias),
    }
