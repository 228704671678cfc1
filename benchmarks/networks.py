"""The networks that are raced: their layers, their data, and the weights that all start from."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import portanet
from portanet import (
    BCEWithLogits,
    Conv2d,
    CrossEntropy,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    TransformerBlock,
)


@dataclass(frozen=True)
class Network:
    """A network, how it is trained, and the shape of its data.

    kind is "mlp", "cnn", "transformer", "lstm", "residual" or "embedding": which twin a peer
    builds; `sizes` are what it needs to know, in the order of the functions below. A network that
    ends in one unit has the loss BCEWithLogits, others cross entropy.
    """

    name: str
    title: str
    kind: str
    layers: Callable[[], list[portanet.Layer]]
    x_shape: tuple[int, ...]
    n_classes: int
    batch: int
    optimizer: str
    lr: float
    n_batches: int  # so many batches are gone round in
    sizes: tuple[int, ...] = ()

    @property
    def binary(self) -> bool:
        """Whether the loss is binary cross entropy on a logit."""
        return self.n_classes == 1

    @property
    def per_step(self) -> bool:
        """Whether there is a target for each time step, y (N, L)."""
        return self.kind in ("transformer", "lstm")

    @property
    def n_tokens(self) -> int:
        """How many tokens the inputs are drawn from; 0 if they are real numbers."""
        return self.sizes[0] if self.kind == "embedding" else 0


def mlp(name: str, sizes: tuple[int, ...], batch: int, optimizer: str, n_batches: int) -> Network:
    """Return a network of linear layers with ReLU between them."""
    title = f"{'-'.join(map(str, sizes))}, batch {batch}, {optimizer}"
    lr = {"SGD": 0.1, "Adam": 1e-3}[optimizer]
    return Network(
        name, title, "mlp", lambda: linear_layers(sizes), sizes[:1], sizes[-1], batch, optimizer, lr,
        n_batches, sizes,
    )  # fmt: skip


def linear_layers(sizes: tuple[int, ...]) -> list[portanet.Layer]:
    """Return linear layers with ReLU between them."""
    layers: list[portanet.Layer] = []
    for n_inp, n_out in pairwise(sizes):
        layers += [Linear(n_inp, n_out), ReLU()]
    return layers[:-1]


def cnn_layers() -> list[portanet.Layer]:
    """Return two convolutions, each with a pooling behind it, and a linear layer."""
    first = [Conv2d(1, 16, 3, padding="same"), ReLU(), MaxPool2d(2)]
    second = [Conv2d(16, 32, 3, padding="same"), ReLU(), MaxPool2d(2)]
    return [*first, *second, Flatten(), Linear(1568, 10)]


def transformer(
    name: str, sizes: tuple[int, int, int, int], length: int, batch: int, n_batches: int = 4
) -> Network:
    """Return Transformer blocks and a linear layer for each token; sizes (d, heads, hidden, blocks)."""
    d, n_heads, n_hidden, n_blocks = sizes
    title = f"{n_blocks} Transformer blocks, d={d}, length {length}, batch {batch}, Adam"
    x_shape = (length, d)

    def layers() -> list[portanet.Layer]:
        blocks = (TransformerBlock(d, n_heads, n_hidden=n_hidden) for _ in range(n_blocks))
        return [*blocks, Linear(d, 10)]

    return Network(
        name, title, "transformer", layers, x_shape, 10, batch, "Adam", 1e-3, n_batches, sizes
    )


def lstm(name: str, sizes: tuple[int, int], length: int) -> Network:
    """Return an LSTM and a linear layer for each time step; sizes (n_inp, n_hidden)."""
    title = f"LSTM {sizes[0]}-{sizes[1]}, length {length}, batch 32, Adam"

    def layers() -> list[portanet.Layer]:
        return [portanet.LSTM(*sizes), Linear(sizes[1], 10)]

    x_shape = (length, sizes[0])
    return Network(name, title, "lstm", layers, x_shape, 10, 32, "Adam", 1e-3, 4, sizes)


def residual(name: str, sizes: tuple[int, int]) -> Network:
    """Return residual blocks of two convolutions on 32 x 32; sizes (channels, blocks)."""
    channels, n_blocks = sizes

    def convolution() -> portanet.Layer:
        return Conv2d(channels, channels, 3, padding="same")

    def layers() -> list[portanet.Layer]:
        blocks = (
            portanet.Residual([convolution(), ReLU(), convolution()]) for _ in range(n_blocks)
        )
        return [*blocks, portanet.GlobalAvgPool(), Linear(channels, 10)]

    title = f"{n_blocks} residual blocks, {channels} channels, 32 x 32, batch 16, Adam"
    x_shape = (channels, 32, 32)
    return Network(name, title, "residual", layers, x_shape, 10, 16, "Adam", 1e-3, 2, sizes)


def embedding(name: str, sizes: tuple[int, int, int]) -> Network:
    """Return a table of tokens and a linear layer; sizes (tokens, features, length)."""
    n_tokens, n, length = sizes
    title = f"embedding {n_tokens} x {n}, {length} tokens, batch 64, Adam"

    def layers() -> list[portanet.Layer]:
        return [portanet.Embedding(n_tokens, n), Flatten(), Linear(n * length, 10)]

    return Network(name, title, "embedding", layers, (length,), 10, 64, "Adam", 1e-3, 8, sizes)


CNN = Network(
    "cnn", "CNN on 28 x 28, batch 64, Adam", "cnn", cnn_layers, (1, 28, 28), 10, 64, "Adam", 1e-3, 4
)
NETWORKS = {
    network.name: network
    for network in (
        mlp("blog", (30, 20, 1), 64, "SGD", 16),
        mlp("mnist", (784, 256, 128, 10), 128, "Adam", 16),
        mlp("wide", (1024, 2048, 2048, 10), 256, "Adam", 2),
        CNN,
        residual("residual", (64, 2)),
        transformer("transformer", (64, 4, 256, 2), 32, 32),
        transformer("transformer-wide", (256, 4, 1024, 2), 128, 8, 2),
        lstm("lstm", (32, 64), 50),
        embedding("embedding", (50_000, 64, 20)),
    )
}


def model(network: Network) -> Sequential:
    """Return portanet's network, from seed 0."""
    portanet.seed(0)
    criterion = BCEWithLogits() if network.binary else CrossEntropy()
    return Sequential(network.layers(), criterion)


def initial_weights(network: Network) -> dict[str, np.ndarray]:
    """Return the weights that all contenders start from, by portanet's names."""
    return {name: p.value for name, p in model(network).named_parameters().items()}


def data(
    network: Network, n_batches: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return X (N, ...) and y, N = n_batches · batch; y is (N, 1) float32 or class indices.

    Every input comes twice, with targets drawn apart: no network can learn them by heart, so no
    gradient fades into denormal numbers, which some CPUs multiply a hundred times more slowly.
    """
    rng, n = np.random.default_rng(seed), (n_batches or network.n_batches) * network.batch
    half = (n // 2, *network.x_shape)
    if network.n_tokens:
        once = rng.integers(0, network.n_tokens, half)
    else:
        once = rng.standard_normal(half, dtype=np.float32)
    if network.binary:
        y = rng.integers(0, 2, (n, 1)).astype(np.float32)
    else:
        shape = network.x_shape[:1] if network.per_step else ()
        y = rng.integers(0, network.n_classes, (n, *shape))
    return np.concatenate([once, once]), y


def batches(network: Network, X: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the batches of a data set, in order."""
    size = network.batch
    return [(X[i : i + size], y[i : i + size]) for i in range(0, len(X), size)]
