"""The training steps that `bench` times: portanet's, and those of libraries that are installed."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from portanet.cli.timing import Step
from portanet.compiler import compile_step
from portanet.layers import Linear, ReLU
from portanet.losses import BCEWithLogits, CrossEntropy
from portanet.optimizers import SGD, Adam
from portanet.random import seed
from portanet.sequential import Sequential


class Network(NamedTuple):
    """A network of linear layers with ReLU between them; one output is a logit, several are."""

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    optimizer: str
    learning_rate: float


NETWORKS = [
    Network("30-20-1, batch 64, SGD (the blog's)", (30, 20, 1), 64, "SGD", 0.1),
    Network("784-256-128-10, batch 128, Adam", (784, 256, 128, 10), 128, "Adam", 1e-3),
]


def contenders(network: Network, backend: str) -> tuple[dict[str, Step], list[str]]:
    """Return the steps by name, portanet's compiled one first, and libraries that are missing."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((network.batch_size, network.sizes[0]), np.float32)
    labels = rng.integers(0, max(2, network.sizes[-1]), network.batch_size)
    steps = {
        "portanet, compiled": _portanet(network, x, labels, backend, compiled=True),
        "portanet, readable": _portanet(network, x, labels, backend, compiled=False),
    }
    others: dict[str, tuple[str, Callable[..., Step]]] = {
        "scikit-learn, partial_fit": ("sklearn", _sklearn), "PyTorch, eager": ("torch", _torch)
    }  # fmt: skip
    missing = [name for name, (module, _) in others.items() if find_spec(module) is None]
    for name in others.keys() - set(missing):
        steps[name] = others[name][1](network, x, labels)
    return steps, [name.partition(",")[0] for name in missing]


def _portanet(
    network: Network, x: np.ndarray, labels: np.ndarray, backend: str, *, compiled: bool
) -> Step:
    seed(0)
    is_binary = network.sizes[-1] == 1
    model = Sequential(_layers(network), BCEWithLogits() if is_binary else CrossEntropy())
    model.to(backend)
    optimizer = {"SGD": SGD, "Adam": Adam}[network.optimizer](model, lr=network.learning_rate)
    y = labels[:, None].astype(np.float32) if is_binary else labels
    x_there, y_there = model.backend.asarray(x), model.backend.asarray(y)
    step = compile_step(model, optimizer) if compiled else _readable(model, optimizer)
    return lambda: model.backend.to_numpy(step(x_there, y_there))  # which waits for the device


def _layers(network: Network) -> list[Any]:
    layers: list[Any] = []
    for n_in, n_out in zip(network.sizes, network.sizes[1:], strict=False):
        layers += [Linear(n_in, n_out), ReLU()]
    return layers[:-1]


def _readable(model: Sequential, optimizer: Any) -> Callable[[Any, Any], Any]:
    def step(x: Any, y: Any) -> Any:
        losses = model.criterion.forward(model.forward(x, training=True), y, training=True)
        model.backward()
        optimizer.step()
        return losses

    return step


def _sklearn(network: Network, x: np.ndarray, labels: np.ndarray) -> Step:
    from sklearn.neural_network import MLPClassifier  # pyright: ignore

    classifier = MLPClassifier(
        network.sizes[1:-1], solver=network.optimizer.lower(), alpha=0.0, momentum=0.0,
        learning_rate_init=network.learning_rate, random_state=0,
        batch_size=network.batch_size,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    classes = np.unique(labels)
    return lambda: classifier.partial_fit(x, labels, classes=classes)


def _torch(network: Network, x: np.ndarray, labels: np.ndarray) -> Step:
    import torch  # pyright: ignore

    layers: list[Any] = []
    for n_in, n_out in zip(network.sizes, network.sizes[1:], strict=False):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    is_binary = network.sizes[-1] == 1
    loss = torch.nn.BCEWithLogitsLoss() if is_binary else torch.nn.CrossEntropyLoss()
    optimizer = getattr(torch.optim, network.optimizer)(model.parameters(), network.learning_rate)
    inputs = torch.from_numpy(x)
    targets = torch.from_numpy(labels[:, None].astype(np.float32) if is_binary else labels)

    def step() -> None:
        optimizer.zero_grad()
        loss(model(inputs), targets).backward()
        optimizer.step()

    return step
