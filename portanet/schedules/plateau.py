"""Plateau: a learning rate that decreases when a metric stops improving."""

from typing import Any

from portanet.checks import check_choice, check_count, check_number
from portanet.constructors import CalledType
from portanet.errors import ArgumentError, short
from portanet.options import Option
from portanet.reprs import own_call
from portanet.state import State, entry


def _check_name(who: str, name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ArgumentError(
            f"{who}: {name} must be the name of a number such as 'val_loss', is {short(value)}"
        )
    return value


class Plateau(metaclass=CalledType):
    """lr, multiplied by `factor` whenever reports of a metric have stopped improving.

        trainer = Trainer(model, SGD(model, lr=Plateau(0.1, patience=2)), train_dl, val_dl)

    A Trainer reports after each epoch the number `of` of its history, such as "val_metric.price";
    without one val_loss (loss without validation data), or with best="largest" val_metric. In a
    loop of your own call `schedule.report(value)`.

    A report is better if it is below best (1 - threshold), or with best="largest" above
    best (1 + threshold). After more than `patience` reports in a row that are not better the rate
    decreases, to `lowest` at least, and the next `cooldown` reports are not counted. Checkpoints
    save its state.

    lr >= 0, factor in [0, 1), patience and cooldown integers >= 0, threshold >= 0. The rules are
    those of PyTorch's ReduceLROnPlateau (with threshold_mode="rel").

    Raises ArgumentError if an option is outside its range.

    >>> schedule = Plateau(0.5, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.report(loss)
    >>> schedule(0)
    0.25
    """

    lr = Option(check_number, 0, float("inf"))
    factor = Option(check_number, 0, 1, open_high=True)
    threshold = Option(check_number, 0, float("inf"))
    lowest = Option(check_number, 0, float("inf"))
    patience = Option(check_count, 0)
    cooldown = Option(check_count, 0)
    best = Option(check_choice, ("smallest", "largest"))
    of = Option(_check_name, none=True)

    def __init__(
        self,
        lr: float,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        lowest: float = 0.0,
        best: str = "smallest",
        of: str | None = None,
    ) -> None:
        self.lr, self.factor, self.patience, self.threshold = lr, factor, patience, threshold
        self.cooldown, self.lowest, self.best, self.of = cooldown, lowest, best, of
        self._best: float | None = None
        self._n_bad = self._n_cooling = 0

    def __call__(self, step: int) -> float:  # noqa: ARG002 - the rate depends on the reports
        """Return the current rate."""
        return self.lr

    def report(self, value: float) -> None:
        """Report the value of a metric; NaN is not an improvement."""
        value = float(value)
        if self._is_better(value):
            self._best, self._n_bad = value, 0
        else:
            self._n_bad += 1
        if self._n_cooling:
            self._n_cooling, self._n_bad = self._n_cooling - 1, 0
        if self._n_bad > self.patience:
            self.lr = max(self.lr * self.factor, self.lowest)
            self._n_cooling, self._n_bad = self.cooldown, 0

    def _is_better(self, value: float) -> bool:
        if self._best is None:
            return value == value
        sign = 1 if self.best == "smallest" else -1
        return sign * value < sign * self._best * (1 - sign * self.threshold)

    def state(self) -> State:
        """Return the rate and the counts of reports."""
        best = None if self._best is None else float(self._best)
        numbers: dict[str, Any] = {"lr": self.lr, "best": best}
        return State({}, numbers | {"n_bad": self._n_bad, "n_cooling": self._n_cooling})

    def load_state(self, state: State) -> None:
        """Continue from a saved state. Raises CheckpointError unless it is one of a Plateau."""
        lr = entry("Plateau", state, "lr", "a finite number")
        best = entry("Plateau", state, "best", "a number or None")
        n_bad = entry("Plateau", state, "n_bad", "an integer >= 0")
        n_cooling = entry("Plateau", state, "n_cooling", "an integer >= 0")
        self.lr, self._best, self._n_bad, self._n_cooling = lr, best, n_bad, n_cooling

    def __repr__(self) -> str:
        return own_call(self)
