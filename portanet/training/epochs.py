"""Epochs: one epoch of a trainer, and the evaluation that follows it."""

from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

from portanet.checks import skip_value_checks
from portanet.data import DataLoader
from portanet.joined import sharing
from portanet.training.evaluation import evaluate
from portanet.training.hooks import Hooks
from portanet.training.row import fetch, format_row, not_finite
from portanet.training.schedules import report_epoch
from portanet.training.together import RankBatches
from portanet.training.trainer_parts import TrainerParts
from portanet.typing import Array


class Epochs(TrainerParts):
    """Takes the steps of an epoch, and evaluates the model on the data of a loader.

    n_steps   how many batches have been taken in all
    position  how many of them in an epoch that is not over
    """

    n_steps: int
    position: int
    history: list[dict[str, float]]
    _stopping: bool

    def _begin(self, hooks: Hooks) -> None:
        if self._together is not None:
            self._together.begin(self)
        hooks.call("on_train_start", self)

    def _train_one_epoch(self, hooks: Hooks, limit: float) -> dict[str, Any] | None:
        """Take a step with each batch; return the mean loss, on the device, None if stopped."""
        batches, start, n = self._train_batches(), self.position, self.steps_per_epoch
        counted = hooks.of_steps or start or n is None or self.n_steps + n > limit
        after = self._after_step(hooks, limit) if counted else None
        with skip_value_checks():
            loss = self.steps.epoch(batches, start, after)
        if loss is None:
            return None
        self.n_steps += 0 if counted or n is None else n
        if self._together is not None:
            loss = self._together.mean_loss(self.steps.loss_sums())
            self._together.share_buffers(self)
        self.position = 0
        return {"loss": loss}

    def _end_epoch(self, hooks: Hooks, row: dict[str, Any], log_level: int) -> dict[str, float]:
        """Evaluate, tell everyone the epoch's numbers; return the losses that are not finite."""
        row |= copy_context().run(self._evaluate, self.val_dl, "val_")
        row = fetch(row, self.model.backend)
        row = row if self._together is None else self._together.row(row)
        self.history.append(row)
        report_epoch(self.optimizer, row)
        bad = not_finite(row)
        hooks.call("on_epoch_end", self, row)
        if self.is_first and log_level and len(self.history) % log_level == 0:
            print(format_row(len(self.history) - 1, row))
        return bad

    def stop(self) -> None:
        """Let train() end after this step, or after this epoch if it is called between steps."""
        self._stopping = True

    @property
    def running_loss(self) -> Array:
        """The mean loss of the present epoch so far, on the device."""
        return self.steps.running_loss()

    def take_steps(self, after: Callable[[], bool]) -> None:
        """Take the steps that the epoch has left, again: `after` is called after each of them.

        Where it returns True they end. No callback is called, and nothing is counted.
        """
        with skip_value_checks():
            self.steps.epoch(self._train_batches(), self.position, after)

    def batch_at(self, position: int) -> tuple[Any, Any]:
        """Return x and y of a batch of the present epoch; with 0 a new one begins."""
        return next(self._staged(self.train_dl).batches.lazy(position)).gathered()

    def validation_batches(self) -> Iterator[tuple[Any, Any]]:
        """Yield x and y of the validation data, in their order."""
        if self.val_dl is not None:
            batches = self._staged(self.val_dl).batches
            with batches.in_data_order():
                yield from batches

    def _after_step(self, hooks: Hooks, limit: float) -> Callable[[], bool]:
        """Return what is called after each step; it returns whether the epoch is to stop there."""

        def after() -> bool:
            self.position, self.n_steps = self.position + 1, self.n_steps + 1
            with sharing(None):
                hooks.step_end(self)
            self._stopping = bool(self.agreed(self._stopping))
            stops = self._stopping or self.n_steps >= limit
            return stops and self.position != self.steps_per_epoch

        return after

    def _train_batches(self) -> Any:
        batches = self._staged(self.train_dl).batches
        return batches if self._together is None else RankBatches(batches, self._together.ranks)

    def _evaluate(self, dl: DataLoader | None, prefix: str) -> dict[str, Any]:
        """Return the mean loss and the metric over all data of a loader, on the device."""
        if dl is None:
            return {}
        staged, compiled = self._staged(dl), self.compiled
        if compiled is not None:
            compiled.settle()  # an average is swapped in there
        with self.weights():
            if compiled is not None:
                compiled.settle()
            found = evaluate(self.model, self.metric, staged, compiled=compiled)
        return {f"{prefix}{name}": value for name, value in found.items()}
