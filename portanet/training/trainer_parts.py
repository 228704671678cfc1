"""TrainerParts: what a trainer is made of, each part of which may be replaced between epochs."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from typing import Any

from portanet.callbacks.callback import Callback
from portanet.compiler import CompiledStep, NotCompiledWarning
from portanet.compiler.runtime.epoch_loss import EpochLoss
from portanet.data import DataLoader
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential
from portanet.training.averaging import WeightAverage
from portanet.training.evaluation import try_metric
from portanet.training.hooks import names_of
from portanet.training.metric import Metric
from portanet.training.optimizer_options import OptimizerOptions
from portanet.training.own_steps import OwnSteps
from portanet.training.parts import check_parts
from portanet.training.schedules import check_reports, names_of_epoch
from portanet.training.staged import Staged, StagedLoaders
from portanet.training.together import Together
from portanet.uniform import check_uniform


class TrainerParts:
    """Has a model, an optimizer, loaders and a metric, and what takes their steps."""

    model: Sequential
    optimizer: Optimizer
    train_dl: DataLoader
    val_dl: DataLoader | None
    metric: Metric | Mapping[str, Metric] | None
    callbacks: list[Callback]
    _losses: EpochLoss
    _loaders: StagedLoaders
    _average: WeightAverage | None
    _options: OptimizerOptions
    _has_warned: bool  # that an own step is not compiled
    _together: Together | None
    history: list[dict[str, float]]

    def __repr__(self) -> str:
        model, n = self.model, len(self.history)
        return f"Trainer({type(model).__name__} on {model.backend}, {self.optimizer}, {n} epochs)"

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

    @property
    def steps(self) -> CompiledStep | OwnSteps:
        """What takes the steps of an epoch: the compiled step, or `step` as it is written."""
        compiled = None if self._own_step() else self.compiled
        return OwnSteps(self, self._losses) if compiled is None else compiled

    @property
    def steps_per_epoch(self) -> int | None:
        """How many batches an epoch has; None if only the loader's own code knows."""
        return None if self.train_dl.makes_batches() else len(self.train_dl)

    @property
    def all_callbacks(self) -> list[Callback]:
        """The callbacks, and before them what updates the average of the weights."""
        return self.callbacks if self._average is None else [self._average, *self.callbacks]

    @property
    def is_first(self) -> bool:
        """Whether this process prints and writes files: rank 0, or the only one."""
        return self._together is None or self._together.is_first

    def agreed(self, number: float) -> float:
        """Return the largest of a number over the ranks of a distributed run, which all ask."""
        return number if self._together is None else self._together.largest(number)

    def gather_run(self) -> None:
        """Let rank 0 of a distributed run have what a checkpoint saves; every rank calls it."""
        if self._together is not None:
            self._together.gather(self)

    @contextmanager
    def weights(self) -> Iterator[None]:
        """Within this block the model has the weights that are validated.

        With `ema` they are the average; without, or before a step, the model's own. Train outside.
        """
        with nullcontext() if self._average is None else self._average.weights(self.model):
            yield

    def begin_average(self, *, unless_in: Mapping[str, Any]) -> None:
        """Forget the average of the weights, unless the callbacks of a state have it."""
        if self._average is not None and not names_of([self._average]) & unless_in.keys():
            self._average.begin(self.model)

    def _put_back(self) -> None:
        if self._average is not None:
            self._average.mean.put_back()

    def __getstate__(self) -> dict[str, Any]:
        # what is staged stays with the loaders of this trainer
        return vars(self) | {"_loaders": StagedLoaders()}

    def _own_step(self) -> bool:
        raise NotImplementedError

    def _staged(self, dl: DataLoader) -> Staged:
        return self._loaders.find(dl, self.model, (self.train_dl, self.val_dl))

    def _check(self) -> None:
        """Look at the parts again: each may have been replaced."""
        check_parts(self.model, self.optimizer, self.train_dl, self.val_dl, self.metric)
        check_uniform(self.model)
        self._options.pass_on(self.optimizer)

    def _check_training(self) -> None:
        """Raise now what would be raised after the first epoch, and warn of an own step."""
        criterion, is_validated = self.model.criterion, self.val_dl is not None
        names = names_of_epoch(self.metric, criterion, is_validated=is_validated)
        check_reports(self.optimizer, names)
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
