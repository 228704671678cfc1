"""Callback: what is called while a Trainer trains."""

from typing import Any, ClassVar


class Callback:
    """Hooks of a Trainer, which do nothing until a subclass defines them.

    on_train_start(trainer)       train() begins
    on_step_end(trainer)          a batch has been taken: trainer.n_steps in all, trainer.position
                                  of this epoch; trainer.running_loss is its mean loss so far
    on_epoch_end(trainer, row)    an epoch and its validation are over; row is the newest of
                                  trainer.history, numbers of the host
    on_train_end(trainer)         train() ends, also by an exception

    Hooks of several callbacks are called in the order of the list, but those that may refuse an
    epoch (`checks`) before all others, and those that save a run (`saves`) after all others, whose
    states they save. `trainer.stop()` ends training
    after the step, or at the end of the epoch. A step waits for no device, unless a hook asks for
    numbers; one that is not defined costs nothing.

    In a distributed run every rank calls them, but those that only print or write, with
    `everywhere = False`, on rank 0 alone. What one decides must be the same on all ranks: rows are.

    A callback with `state()` and `load_state(state)` is saved and loaded with the trainer.

    >>> class Names(Callback):
    ...     def on_epoch_end(self, trainer, row):
    ...         print(sorted(row))
    """

    checks: ClassVar[bool] = False
    saves: ClassVar[bool] = False
    everywhere: ClassVar[bool] = True

    def on_train_start(self, trainer: Any) -> None:
        """Do something before the first epoch."""

    def on_step_end(self, trainer: Any) -> None:
        """Do something after a step."""

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:
        """Do something after an epoch."""

    def on_train_end(self, trainer: Any) -> None:
        """Do something at the end."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
