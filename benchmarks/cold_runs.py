"""A process that trains 5 epochs on a small data set, as users write it: import, train, end.

64 hidden units with ReLU, Adam with a rate of 1e-3, batches of 32, shuffled. Only NumPy and the
library are imported: each function is the whole script. It returns the last epoch's mean loss.
"""

import os
import warnings
from importlib import import_module
from typing import Any

from benchmarks.processes import answer

EPOCHS, HIDDEN, BATCH = 5, 64, 32


def work(path: str, task: str, contender: str, threads: int) -> dict[str, Any]:  # noqa: ARG001
    """Train on the arrays X and y of a file; task is "binary", "classes" or "numbers"."""
    import numpy as np

    with np.load(path) as arrays:
        X, y = arrays["X"], arrays["y"]
    n_out = int(y.max()) + 1 if task == "classes" else 1
    try:
        return {"loss": RUNS[contender](X, y, task, n_out)}
    except ImportError as error:
        return {"reason": f"not installed ({error})"}


def portanet_run(X: Any, y: Any, task: str, n_out: int, **options: Any) -> float:
    import portanet
    from portanet import Adam, DataLoader, Dataset, Linear, ReLU, Sequential, Trainer

    name = {"binary": "BCEWithLogits", "classes": "CrossEntropy", "numbers": "MSE"}[task]
    portanet.seed(0)
    layers = [Linear(X.shape[1], HIDDEN), ReLU(), Linear(HIDDEN, n_out)]
    model = Sequential(layers, getattr(portanet, name)())
    train_dl = DataLoader(Dataset(X, y), BATCH, shuffle=True)
    trainer = Trainer(model, Adam(model, lr=1e-3), train_dl, **options)
    trainer.train(EPOCHS, log_level=0)
    return trainer.history[-1]["loss"]


def torch_run(X: Any, y: Any, task: str, n_out: int) -> float:
    torch = import_module("torch")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(0)
    nn, X, y = torch.nn, torch.tensor(X), torch.tensor(y)
    model = nn.Sequential(nn.Linear(X.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, n_out))
    losses = {"binary": nn.BCEWithLogitsLoss, "classes": nn.CrossEntropyLoss, "numbers": nn.MSELoss}
    criterion, total = losses[task](), torch.zeros(())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        total = torch.zeros(())
        for rows in torch.randperm(len(X)).split(BATCH):
            optimizer.zero_grad()
            loss = criterion(model(X[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
    return float(total) / len(X)


def sklearn_run(X: Any, y: Any, task: str, n_out: int) -> float:  # noqa: ARG001
    module = import_module("sklearn.neural_network")
    kind = module.MLPRegressor if task == "numbers" else module.MLPClassifier
    model = kind(
        hidden_layer_sizes=(HIDDEN,), batch_size=BATCH, solver="adam", alpha=0,
        learning_rate_init=1e-3, max_iter=EPOCHS, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings(action="ignore"):  # it has not converged
        model.fit(X, y.ravel())
    return float(model.loss_) * (2 if task == "numbers" else 1)  # it halves squared errors


RUNS = {
    "portanet, default": portanet_run,
    "portanet, compiled, without LLVM": lambda *given: portanet_run(*given, fast=False),
    "PyTorch, eager": torch_run,
    "scikit-learn's MLP": sklearn_run,
}

if __name__ == "__main__":
    answer(work)
