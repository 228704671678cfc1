"""Trainer: a step that can be read aloud, and the loop around it."""

import warnings
from collections.abc import Mapping
from contextvars import copy_context
from typing import Any

from portanet.checks import check_count, skip_value_checks
from portanet.compiler import CompiledStep, NotCompiledWarning
from portanet.data import DataLoader
from portanet.optimizer import Optimizer
from portanet.overrides import is_overridden
from portanet.running_sum import RunningSum
from portanet.sequential import Sequential
from portanet.several import Arrays
from portanet.state import State, entry
from portanet.training.evaluation import evaluate, try_metric, weight_of
from portanet.training.metric import Metric
from portanet.training.parts import check_loader, check_losses, check_parts
from portanet.training.row import fetch, format_row, warn_if_diverged
from portanet.training.schedules import check_reports, report_epoch
from portanet.training.staged import Staged, StagedLoaders
from portanet.training.streams import set_streams, streams_of
from portanet.typing import Array
from portanet.uniform import check_uniform


class Trainer:
    """Trains a model on batches, and says after each epoch how it does on other data.

    `metric(predictions, y)` is computed over the whole validation set, on the device, and returns
    one number; it is tried before the first step. A dict has several: for each output of a network
    with several the metric of that output, else metrics of the one output. Losses are summed on the
    device, too: the host waits for it once an epoch, for one copy of three numbers. A schedule that
    depends on the loss, such as Plateau, is told it after each epoch.

    With `compile` (the default) a step is compiled where the backend has an engine (NumPy, CuPy,
    JAX): the same arithmetic, traced from the layers as they are, checked against them, and
    replayed in place (see portanet.compile_step). What cannot be compiled runs as it is written,
    and a warning says why; `fast` is compile_step's. A `step` of a subclass, or one that is
    assigned, is called as it is.

    The parts (model, optimizer, train_dl, val_dl, metric) may be replaced by assignment; the next
    epoch or evaluation uses the new ones. `history` has a row an epoch: {"loss": …, "val_loss": …,
    "val_metric": …}; without validation data or a metric the latter two are left out. Of several
    metrics each has an entry, "val_metric.price".

    Raises ArgumentError if the parts do not belong together, at once and not in the first step.

    >>> import numpy as np, portanet
    >>> from portanet import BCEWithLogits, Dataset, DataLoader, Linear, SGD, Sequential, accuracy
    >>> portanet.seed(0)
    >>> X = np.linspace(-1, 1, 64).reshape(-1, 1)
    >>> data = DataLoader(Dataset(X, X[:, 0] > 0), batch_size=16, shuffle=True)
    >>> model = Sequential([Linear(1, 1)], BCEWithLogits())
    >>> trainer = Trainer(model, SGD(model, lr=1.0), data, data, metric=accuracy)
    >>> trainer.train(20, log_level=10)
    epoch=  9 | loss= 0.211 | val_loss= 0.203 | val_metric= 1.000
    epoch= 19 | loss= 0.154 | val_loss= 0.151 | val_metric= 1.000
    """

    def __init__(
        self,
        model: Sequential,
        optimizer: Optimizer,
        train_dl: DataLoader,
        val_dl: DataLoader | None = None,
        metric: Metric | Mapping[str, Metric] | None = None,
        *,
        compile: bool = True,  # noqa: A002 - what people will type
        fast: bool | None = None,
    ) -> None:
        check_parts(model, optimizer, train_dl, val_dl, metric)
        self.model, self.optimizer, self.metric = model, optimizer, metric
        self.train_dl, self.val_dl = train_dl, val_dl
        self.history: list[dict[str, float]] = []
        self.compiled = CompiledStep(model, optimizer, fast=fast) if compile else None
        self._loaders = StagedLoaders()
        self._has_warned = False  # that an own step is not compiled

    @property
    def compiled(self) -> CompiledStep | None:
        """The compiled step of the present model and optimizer; None without `compile`."""
        step = self._compiled
        if step is None or (step.model is self.model and step.optimizer is self.optimizer):
            return step
        self._compiled = step.for_parts(self.model, self.optimizer)
        return self._compiled

    @compiled.setter
    def compiled(self, step: CompiledStep | None) -> None:
        self._compiled = step

    def __getstate__(self) -> dict[str, Any]:
        # what is staged stays with the loaders of this trainer
        return vars(self) | {"_loaders": StagedLoaders()}

    def step(self, x: Arrays, y: Arrays) -> Array:
        """Forward, loss, backward, update. Returns the losses, shape (N,), on the device.

        It always runs as it is written; `train` replays it compiled.
        """
        y_hat = self.model.forward(x, training=True)
        losses = self.model.criterion.forward(y_hat, y, training=True)
        self.model.backward()
        self.optimizer.step()
        return losses

    def train(self, n_epochs: int, log_level: int = 1) -> None:
        """Train for n_epochs, and print a row every log_level epochs (0: never).

        An epoch that is interrupted (Ctrl-C) leaves no row; train() goes on with a new one. Warns
        (DivergedWarning) once if a loss is NaN or infinite.
        """
        check_count("Trainer.train", "n_epochs", n_epochs, 0)
        check_count("Trainer.train", "log_level", log_level, 0)
        self._check()
        if n_epochs:
            self._check_training()
        diverged = False
        for _ in range(n_epochs):
            # in a copied context, where Ctrl-C cannot leave checks or shuffling switched off
            row = copy_context().run(self._train_one_epoch)
            row |= copy_context().run(self._evaluate, self.val_dl, "val_")
            row = fetch(row, self.model.backend)
            self.history.append(row)
            report_epoch(self.optimizer, row)
            diverged = diverged or warn_if_diverged(len(self.history) - 1, row)
            if log_level and len(self.history) % log_level == 0:
                print(format_row(len(self.history) - 1, row))

    def evaluate(self, dl: DataLoader) -> tuple[float, Any]:
        """Return the mean loss over a loader's data, and the metric (None without one).

        Several metrics are a dict by their names.

        The data are taken in their order, whether the loader shuffles or not; nothing changes.
        """
        self._check()
        check_loader("dl", dl)
        row = fetch(copy_context().run(self._evaluate, dl, ""), self.model.backend)
        several = {n.removeprefix("metric."): v for n, v in row.items() if n.startswith("metric.")}
        return row["loss"], several or row.get("metric")

    def state(self) -> State:
        """Return what `save(path, model, optimizer, trainer=trainer)` keeps of a run.

        The history, and how far the streams of chance have been drawn (shuffles, dropout): a run
        that is loaded goes on as it would have.
        """
        streams = streams_of(self.model, self.train_dl, self.val_dl)
        return State({}, {"history": [dict(row) for row in self.history], "streams": streams})

    def load_state(self, state: State) -> None:
        """Go on from a state. Raises ArgumentError if it is of a trainer with other parts."""
        history = entry("Trainer.load_state", state, "history", "a list")
        streams = entry("Trainer.load_state", state, "streams", "a list")
        set_streams(streams, self.model, self.train_dl, self.val_dl)
        self.history = [dict(row) for row in history]

    def _check(self) -> None:
        """Look at the parts again: each may have been replaced."""
        check_parts(self.model, self.optimizer, self.train_dl, self.val_dl, self.metric)
        check_uniform(self.model)

    def _check_training(self) -> None:
        """Raise now what would be raised after the first epoch, and warn of an own step."""
        has_metric = self.val_dl is not None and callable(self.metric)
        check_reports(self.optimizer, has_metric=has_metric)
        copy_context().run(self._try_metric)
        if self._own_step() and self.compiled is not None and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"running uncompiled: {type(self).__name__}.step is overridden (pass "
                "compile=False to silence this warning)",
                NotCompiledWarning,
                stacklevel=3,
            )

    def _try_metric(self) -> None:
        if self.val_dl is not None and self.metric is not None:
            try_metric(self.model, self.metric, self._staged(self.val_dl))

    def _own_step(self) -> bool:
        return is_overridden(self, Trainer, "step")

    def _train_one_epoch(self) -> dict[str, Any]:
        """Take a step with each batch; return the mean loss, on the device."""
        batches = self._staged(self.train_dl).batches
        with skip_value_checks():
            if self.compiled is not None and not self._own_step():
                return {"loss": self.compiled.epoch(batches)}
            backend = batches.backend
            total, weight = RunningSum(backend), RunningSum(backend)
            for x, y in batches:
                losses = self.step(x, y)
                check_losses(type(self).__name__, losses, y)
                total.add(backend.xp.sum(losses))
                weight.add(weight_of(self.model, y))
            return {"loss": total.value / weight.value}

    def _evaluate(self, dl: DataLoader | None, prefix: str) -> dict[str, Any]:
        """Return the mean loss and the metric over all data of a loader, on the device."""
        if dl is None:
            return {}
        staged, compiled = self._staged(dl), self.compiled
        if compiled is not None:
            compiled.settle()
        found = evaluate(self.model, self.metric, staged, compiled=compiled)
        return {f"{prefix}{name}": value for name, value in found.items()}

    def _staged(self, dl: DataLoader) -> Staged:
        return self._loaders.find(dl, self.model, (self.train_dl, self.val_dl))
