"""Progress: a line on the terminal that says how far a run is."""

import sys
from typing import Any

from portanet.backends._installing import WHERE, install
from portanet.callbacks.callback import Callback
from portanet.errors import ArgumentError
from portanet.reprs import call_of


class Progress(Callback):
    """Shows batches, loss, batches a second and the time left of each epoch, on standard error.

    The loss is fetched from the device when the line is drawn, at most ten times a second. Nothing
    is shown where standard error is no terminal (`always=True`: it is shown all the same).

    Raises ArgumentError, at once, if tqdm is not installed.
    """

    everywhere = False

    def __init__(self, *, always: bool = False) -> None:
        self.always = bool(always)
        self._bar: Any = None
        _tqdm()

    def on_step_end(self, trainer: Any) -> None:
        """Go on by a batch."""
        if self._bar is None:
            quiet = not (self.always or sys.stderr.isatty())
            self._bar = _tqdm()(
                total=trainer.steps_per_epoch, initial=trainer.position - 1, leave=False,
                desc=f"epoch {len(trainer.history)}", unit="batch", disable=quiet, mininterval=0.1,
            )  # fmt: skip
        if self._bar.update():
            loss = float(trainer.running_loss)
            self._bar.set_postfix(loss=f"{loss:.4g}", refresh=False)

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:  # noqa: ARG002
        """Take the line away, before the epoch's numbers are printed."""
        self._close()

    def on_train_end(self, trainer: Any) -> None:  # noqa: ARG002
        """Take the line away, also of an epoch that has not ended."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __repr__(self) -> str:
        return call_of(self, always=self.always)

    def __getstate__(self) -> dict[str, Any]:
        return {"always": self.always, "_bar": None}


def _tqdm() -> Any:
    try:
        from tqdm import tqdm  # pyright: ignore
    except ImportError as error:
        raise ArgumentError(
            f"Progress: tqdm is needed; {WHERE} run: {install('progress')}"
        ) from error
    return tqdm
