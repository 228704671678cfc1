"""Early stopping: training ends when the validation loss has stopped improving."""

from typing import Any

from portanet.callbacks.best import Best
from portanet.callbacks.callback import Callback
from portanet.checks import check_count
from portanet.reprs import call_of
from portanet.snapshot import Snapshot
from portanet.state import State


class EarlyStopping(Callback):
    """Ends training after `patience` epochs without a better value, and restores the best weights.

    `of` is a number of an epoch's row: "val_loss", "val_metric", "loss"; `best` is "smallest" or
    "largest"; a value is better if it is so by more than `min_change`. Where it ends training, the
    model gets the parameters and buffers of the best epoch, which are kept on the device
    (restore=False: it keeps the last ones): those that were validated, so with Trainer(ema=…) the
    average. Where train() ends otherwise it keeps the last ones,
    and may go on with them; `model.restore(stopping.snapshot)` gives it the best.

    Raises ArgumentError if an option is out of its range, or an epoch has no such number.

    Source: Prechelt, "Early stopping - but when?", 1998: the criterion UP_s, by epochs.

    >>> EarlyStopping(patience=3)
    EarlyStopping(3)
    """

    def __init__(
        self, patience: int, *, of: str = "val_loss", best: str = "smallest",
        min_change: float = 0.0, restore: bool = True,
    ) -> None:  # fmt: skip
        self.patience = check_count("EarlyStopping", "patience", patience)
        self.followed = Best("EarlyStopping", of, best, min_change)
        self.restore = bool(restore)
        self.snapshot: Snapshot | None = None

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:
        """Keep the best weights, or end training."""
        if self.followed.is_better(row):
            with trainer.weights():
                self.snapshot = trainer.steps.snapshot() if self.restore else None
        elif self.followed.n_since >= self.patience:
            trainer.stop()

    def on_train_end(self, trainer: Any) -> None:
        """Give the model the best weights, if there was no better one for too long."""
        if self.snapshot is not None and self.followed.n_since >= self.patience:
            trainer.model.restore(self.snapshot)

    def state(self) -> State:
        """Return the best value, its weights, and for how long there was no better."""
        arrays = {} if self.snapshot is None else dict(self.snapshot.arrays)
        return State(arrays, {"value": self.followed.value, "n_since": self.followed.n_since})

    def load_state(self, state: State) -> None:
        """Go on from a state."""
        self.followed.load("EarlyStopping", state)
        self.snapshot = Snapshot(dict(state.arrays)) if state.arrays else None

    def __repr__(self) -> str:
        followed = self.followed
        return call_of(
            self, self.patience, of=followed.of, best=followed.best,
            min_change=followed.min_change, restore=self.restore,
        )  # fmt: skip
