"""`portanet demo`: the networks of *Neural Nets Aren't Black Boxes*, on each backend.

Breast-cancer data (569 tumours, 30 measurements), split as in the blog; logistic regression and a
two-layer network; five epochs of stochastic gradient descent.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from portanet import backends
from portanet.backends._installing import WHERE, install
from portanet.data import DataLoader, Dataset
from portanet.errors import ArgumentError
from portanet.layer import Layer
from portanet.layers import Linear, ReLU, Sigmoid
from portanet.losses import BinaryCrossEntropy
from portanet.metrics import accuracy
from portanet.optimizers import SGD
from portanet.preprocessing import normalize
from portanet.random import seed
from portanet.sequential import Sequential
from portanet.trainer import Trainer

N_EPOCHS = 5
NETWORKS: dict[str, Callable[[], list[Layer]]] = {
    "logistic regression": lambda: [Linear(30, 1), Sigmoid()],
    "two-layer network": lambda: [Linear(30, 20), ReLU(), Linear(20, 1), Sigmoid()],
}
# epoch: (loss, loss and accuracy on the validation set), as printed in the blog
PUBLISHED = {"two-layer network": {0: (0.620, 0.547, 0.904), 4: (0.256, 0.217, 0.956)}}


@dataclass
class Run:
    """One network trained on one backend."""

    network: str
    backend: str
    history: list[dict[str, float]]
    weights: dict[str, np.ndarray]
    seconds: float


def run(names: list[str] | None, n: int, plot: str) -> None:
    """Train all networks, print the tables, save the learning curves.

    Raises ArgumentError, before training, if the folder of `plot` does not exist.
    """
    folder = Path(plot).absolute().parent
    if not folder.is_dir():
        raise ArgumentError(f"demo: plot must be a file in an existing folder, not in {folder}")
    data = split()
    names = names or list(backends.available())
    runs = [train(network, name, data, n) for network in NETWORKS for name in names]
    for network in NETWORKS:
        of_network = [r for r in runs if r.network == network]
        print(table(of_network[0]), comparison(of_network), sep="\n\n", end="\n\n")
    print(f"scikit-learn's LogisticRegression: {reference(data):.5f} validation accuracy\n")
    save_plot([r for r in runs if r.backend == names[0]], plot)
    print(f"learning curves: {plot}")


def split() -> tuple[np.ndarray, ...]:
    """Return X_train, X_val, y_train, y_val, normalised with the training data's statistics."""
    datasets, model_selection = _sklearn()
    X, y = datasets.load_breast_cancer(return_X_y=True)
    X_train, X_val, y_train, y_val = model_selection.train_test_split(
        X, y, test_size=0.2, random_state=9
    )
    return *normalize(X_train, X_val), y_train, y_val


def train(network: str, backend: str, data: tuple[np.ndarray, ...], n: int) -> Run:
    """Train one network on one backend from seed n."""
    seed(n)
    X_train, X_val, y_train, y_val = data
    train_dl = DataLoader(Dataset(X_train, y_train), batch_size=64, shuffle=True)
    val_dl = DataLoader(Dataset(X_val, y_val), batch_size=64)
    model = Sequential(NETWORKS[network](), BinaryCrossEntropy()).to(backend)
    trainer = Trainer(model, SGD(model, lr=0.1), train_dl, val_dl, metric=accuracy)
    start = time.perf_counter()
    trainer.train(N_EPOCHS, log_level=0)
    seconds = time.perf_counter() - start
    weights = {
        name: model.backend.to_numpy(p.value) for name, p in model.named_parameters().items()
    }
    return Run(network, backend, trainer.history, weights, seconds)


def table(run: Run) -> str:
    """Return the blog's epoch table, with the published figures if there are any."""
    published = PUBLISHED.get(run.network, {})
    head = f"{run.network}, on {run.backend}"
    columns = "epoch    loss  val_loss  val_accuracy"
    lines = [head, columns + ("   |  blog:  loss  val_loss  val_accuracy" if published else "")]
    for epoch, row in enumerate(run.history):
        line = f"{epoch:5}   {_numbers(*row.values())}"
        if epoch in published:
            line += f"   |         {_numbers(*published[epoch])}"
        lines.append(line)
    return "\n".join(lines)


def _numbers(loss: float, val_loss: float, val_accuracy: float) -> str:
    return f"{loss:.3f}     {val_loss:.3f}         {val_accuracy:.3f}"


def comparison(runs: list[Run]) -> str:
    """Return a line per backend: last epoch, time, difference of the weights from the first."""
    lines = [f"{'backend':8}  val_loss  val_accuracy    time   largest difference of any weight"]
    for r in runs:
        last = r.history[-1]
        difference = max(float(np.abs(r.weights[k] - w).max()) for k, w in runs[0].weights.items())
        beside = "" if r is runs[0] else f"{difference:.1e} from {runs[0].backend}"
        lines.append(
            f"{r.backend:8}     {last['val_loss']:.3f}         {last['val_metric']:.3f}"
            f"  {r.seconds:5.2f}s   {beside}".rstrip()
        )
    return "\n".join(lines)


def reference(data: tuple[np.ndarray, ...]) -> float:
    """Return the validation accuracy of scikit-learn's LogisticRegression."""
    from sklearn.linear_model import LogisticRegression  # pyright: ignore

    X_train, X_val, y_train, y_val = data
    return float(LogisticRegression().fit(X_train, y_train).score(X_val, y_val))


def save_plot(runs: list[Run], path: str) -> None:
    """Draw the losses and the validation accuracy of each network by epoch."""
    try:
        from matplotlib.figure import Figure  # pyright: ignore
    except ImportError as error:
        raise ArgumentError(
            f"demo: the learning curves need matplotlib; {WHERE} run: {install('demo')}"
        ) from error
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    figure.suptitle("Breast-cancer data: five epochs of stochastic gradient descent")
    for axes, r in zip(figure.subplots(1, len(runs), sharey=True), runs, strict=True):
        _draw(axes, r)
    figure.savefig(path, dpi=150)


def _draw(axes: Any, r: Run) -> None:
    epochs = range(len(r.history))  # from 0, as in the tables
    axes.plot(epochs, [row["loss"] for row in r.history], "o-", label="loss, training")
    axes.plot(epochs, [row["val_loss"] for row in r.history], "o-", label="loss, validation")
    axes.plot(epochs, [row["val_metric"] for row in r.history], "s--", label="accuracy, validation")
    axes.set(title=r.network, xlabel="epoch", ylim=(0, 1.03), xticks=list(epochs))
    axes.grid(alpha=0.3)
    axes.legend(loc="center right", frameon=False)


def _sklearn() -> tuple[Any, Any]:
    try:
        from sklearn import datasets, model_selection  # pyright: ignore
    except ImportError as error:
        raise ArgumentError(
            f"demo: the data need scikit-learn; {WHERE} run: {install('demo')}"
        ) from error
    return datasets, model_selection
