"""Whether the parts of a Trainer belong together."""

from math import inf
from typing import Any

from portanet.checks import check_count
from portanet.data import DataLoader, Dataset
from portanet.errors import ArgumentError, ShapeError, short
from portanet.layer import Layer
from portanet.metrics.measured import measured
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential
from portanet.several import Arrays, n_samples


def check_parts(model: Any, optimizer: Any, train_dl: Any, val_dl: Any, metric: Any) -> None:
    """Raise ArgumentError unless a Trainer can be made of these parts."""
    if not isinstance(model, Sequential) or model.criterion is None:
        raise ArgumentError(
            "Trainer: model must be a network with a loss, Sequential(layers, criterion), is "
            f"{short(model)}" + _model_advice(model)
        )
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"Trainer: optimizer must be one such as SGD(model, lr=0.1), is {short(optimizer)}"
        )
    if optimizer.model is not model:
        raise ArgumentError(
            "Trainer: optimizer must be made for this model; it was made for another, which it "
            "would train instead: SGD(model, ...)"
        )
    check_loader("train_dl", train_dl)
    if val_dl is not None:
        check_loader("val_dl", val_dl)
    measured(metric, model.criterion)  # raises for what is none


def check_loader(name: str, dl: Any) -> None:
    """Raise ArgumentError unless dl is a DataLoader."""
    if not isinstance(dl, DataLoader):
        raise ArgumentError(
            f"Trainer: {name} must be a DataLoader(Dataset(X, y), batch_size), is {short(dl)}"
            + ("; write DataLoader(dataset, batch_size)" if isinstance(dl, Dataset) else "")
        )


def _model_advice(model: Any) -> str:
    if isinstance(model, Optimizer):
        return "; the order is Trainer(model, optimizer, train_dl)"
    return "; put it in one: Sequential([layer], loss)" if isinstance(model, Layer) else ""


def epochs_and_steps(n_epochs: int | None, n_steps: int | None) -> tuple[float, float]:
    """Return how many epochs and steps to train, inf for the one that is not given."""
    if (n_epochs is None) == (n_steps is None):
        raise ArgumentError(
            "Trainer.train: n_epochs or n_steps must be given, one of them: train(5), or "
            "train(n_steps=1000)"
        )
    if n_steps is not None:
        return inf, check_count("Trainer.train", "n_steps", n_steps, 0)
    return check_count("Trainer.train", "n_epochs", n_epochs, 0), inf


def check_losses(who: str, losses: Any, y: Arrays) -> None:
    """Raise ShapeError unless a step has returned one loss for each sample of y."""
    n = n_samples(y)
    if getattr(losses, "shape", None) != (n,):
        raise ShapeError(
            f"{who}.step: must return the losses of the batch, shape ({n},), as "
            f"Trainer.step does; returned {short(losses)}. End it with return super().step(x, y)"
        )
