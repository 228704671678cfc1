"""Training on a table: split, preprocessing, network, and the run."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from portanet._version import __version__
from portanet.callbacks import Callback, EarlyStopping, Guard
from portanet.checks import check_count
from portanet.data import DataLoader, Dataset
from portanet.errors import ArgumentError, DataError, short
from portanet.metrics import accuracy, r2
from portanet.optimizers import Adam
from portanet.random import check_seed, seed
from portanet.sequential import Sequential
from portanet.table.kinds import Kinds, kinds_of
from portanet.table.model import TableModel
from portanet.table.network import network_for
from portanet.table.preprocessing import Preprocessing
from portanet.table.split import split
from portanet.table.target import Classes, Quantity
from portanet.table.task import task_of
from portanet.table.words import no_column
from portanet.trainer import Trainer

MIN_ROWS = 10


@dataclass(frozen=True)
class TrainOptions:
    """How a network is trained on a table.

    task: "classification" or "regression"; None is found out. columns: the kind of columns by name,
    "number", "category" or "drop", where it is not to be found out. validation: the share of the
    rows to validate on, in (0, 1). early_stopping: epochs without a smaller validation loss after
    which training ends, 0: never; the network keeps the weights of the best epoch. layers: sizes of
    the hidden layers. The optimizer is Adam.
    """

    task: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    validation: float = 0.2
    layers: Sequence[int] = (64, 32)
    epochs: int = 200
    early_stopping: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    seed: int = 0
    backend: str = "numpy"
    device: Any = None


@dataclass(frozen=True)
class Prepared:
    """All that is known before the first step: what is said to the user, and then used."""

    frame: Any
    options: TrainOptions
    why_task: str
    kinds: Kinds
    validates: np.ndarray
    preprocessing: Preprocessing
    network: Sequential


def prepare(frame: Any, target: str, options: TrainOptions) -> Prepared:
    """Look at a table, split it, fit the preprocessing, make the network.

    Raises ArgumentError and DataError, in words that say what to do, if it cannot be trained on.
    """
    _check(frame, target, options)
    series = frame[target]
    task, why = task_of(series, options.task)
    kinds = kinds_of(frame, target, options.columns)
    classes = Classes.fit(series) if task == "classification" else None
    labels = None if classes is None else classes.encode(series)
    validates = split(len(frame), options.validation, options.seed, labels)
    training = frame[~validates]
    fitted = Preprocessing.fit(training, kinds, classes or Quantity.fit(training[target]))
    seed(options.seed)
    network = network_for(len(fitted.features), options.layers, fitted.target)
    network.to(options.backend, device=options.device)
    return Prepared(frame, options, why, kinds, validates, fitted, network)


def train(prepared: Prepared, callbacks: Sequence[Callback] = ()) -> TableModel:
    """Train the network, and return it with its scores on the rows that validate."""
    options, target = prepared.options, prepared.preprocessing.target
    train_dl, val_dl = _loaders(prepared)
    stopping = EarlyStopping(options.early_stopping) if options.early_stopping else None
    trainer = Trainer(
        prepared.network, Adam(prepared.network, lr=options.learning_rate), train_dl, val_dl,
        accuracy if isinstance(target, Classes) else r2,
        callbacks=[Guard(), *([stopping] if stopping else []), *callbacks],
    )  # fmt: skip
    with np.errstate(over="ignore", invalid="ignore"):  # Guard says where numbers are not finite
        trainer.train(options.epochs, log_level=0)
    if stopping and stopping.snapshot is not None:  # also where the last epoch came first
        prepared.network.restore(stopping.snapshot)
    model = TableModel(prepared.network, prepared.preprocessing)
    model.about = _about(prepared, trainer.history)
    model.about["scores"] = model.evaluate(prepared.frame[prepared.validates])
    return model


def train_table(
    frame: Any, target: str, options: TrainOptions | None = None, callbacks: Sequence[Callback] = ()
) -> TableModel:
    """Train a network on a data frame of pandas.

    Raises ArgumentError and DataError, in words that say what to do, if it cannot be trained on;
    DivergedError if its numbers become NaN or infinite.
    """
    return train(prepare(frame, target, options or TrainOptions()), callbacks)


def _check(frame: Any, target: str, options: TrainOptions) -> None:
    if target not in frame.columns:
        raise ArgumentError(no_column("table", target, list(map(str, frame.columns))))
    if not 0 < options.validation < 1:
        raise ArgumentError(
            f"table: validation must be a share in (0, 1), is {short(options.validation)}; for "
            "example 0.2"
        )
    check_seed("table", options.seed)
    check_count("table", "epochs", options.epochs)
    check_count("table", "batch_size", options.batch_size)
    check_count("table", "early_stopping", options.early_stopping, 0)
    for size in options.layers:
        check_count("table", "layers", size)
    if len(frame) < MIN_ROWS:
        raise DataError(
            f"table: there must be at least {MIN_ROWS} rows, to train on and to validate on; there "
            f"are {len(frame)}"
        )


def _loaders(prepared: Prepared) -> list[DataLoader]:
    """Return loaders of the training rows, in an order drawn for each epoch, and of the rest."""
    fitted, loaders = prepared.preprocessing, []
    for rows, shuffle in ((~prepared.validates, True), (prepared.validates, False)):
        part = prepared.frame[rows]
        data = Dataset(fitted.transform(part), fitted.target.encode(part[fitted.target.name]))
        loaders.append(DataLoader(data, batch_size=prepared.options.batch_size, shuffle=shuffle))
    return loaders


def _about(prepared: Prepared, history: list[dict[str, float]]) -> dict[str, Any]:
    options = asdict(prepared.options)
    options["device"] = None if prepared.options.device is None else str(prepared.options.device)
    best = min(range(len(history)), key=lambda i: history[i]["val_loss"])
    n_validation = int(prepared.validates.sum())
    return {
        "options": options | {"layers": list(prepared.options.layers)},
        "rows": {"training": len(prepared.validates) - n_validation, "validation": n_validation},
        "versions": {
            "portanet": __version__, "numpy": np.__version__, "python": platform.python_version()
        },
        "history": history,
        "best_epoch": best if prepared.options.early_stopping else len(history) - 1,
    }  # fmt: skip
