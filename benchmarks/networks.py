"""The networks that are raced: their layers, their data, and the weights that all start from."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import prod

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

    kind is "mlp", "cnn" or "transformer": which twin a peer builds. `sizes` are those of an MLP.
    A network that ends in one unit has the loss BCEWithLogits, others cross entropy.
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


def transformer_layers() -> list[portanet.Layer]:
    """Return two blocks, and a linear layer for each token."""
    return [*(TransformerBlock(64, 4, n_hidden=256) for _ in range(2)), Linear(64, 10)]


NETWORKS = {
    network.name: network
    for network in (
        mlp("blog", (30, 20, 1), 64, "SGD", 16),
        mlp("mnist", (784, 256, 128, 10), 128, "Adam", 16),
        mlp("wide", (1024, 2048, 2048, 10), 256, "Adam", 2),
        Network(
            "cnn", "CNN on 28 x 28, batch 64, Adam", "cnn", cnn_layers, (1, 28, 28), 10, 64, "Adam",
            1e-3, 4,
        ),
        Network(
            "transformer", "2 Transformer blocks, d=64, length 32, batch 32, Adam", "transformer",
            transformer_layers, (32, 64), 10, 32, "Adam", 1e-3, 4,
        ),
    )
}  # fmt: skip


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
    """Return X (N, ...) float32 and y, N = n_batches · batch; y is (N, 1) float32 or class indices.

    Every input comes twice, with targets drawn apart: no network can learn them by heart, so no
    gradient fades into denormal numbers, which some CPUs multiply a hundred times more slowly.
    """
    rng, n = np.random.default_rng(seed), (n_batches or network.n_batches) * network.batch
    once = rng.standard_normal((n // 2, *network.x_shape), dtype=np.float32)
    if network.binary:
        y = rng.integers(0, 2, (n, 1)).astype(np.float32)
    else:
        shape = network.x_shape[:1] if network.kind == "transformer" else ()
        y = rng.integers(0, network.n_classes, (n, *shape))
    return np.concatenate([once, once]), y


def batches(network: Network, X: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the batches of a data set, in order."""
    size = network.batch
    return [(X[i : i + size], y[i : i + size]) for i in range(0, len(X), size)]


def n_parameters(network: Network) -> int:
    """Return how many numbers are trained."""
    return sum(prod(w.shape) for w in initial_weights(network).values())
