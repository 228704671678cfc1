"""Progress: one line on the terminal for all epochs."""

import sys
from typing import Any

from portanet.callbacks import Callback


class Epochs(Callback):
    """Shows epochs, validation loss and the time left, on standard error where it is a terminal.

    An epoch of a table takes milliseconds, so the line counts epochs; portanet.callbacks.Progress
    counts batches. Without tqdm there is no line.
    """

    def __init__(self, n_epochs: int) -> None:
        self._bar = _bar(n_epochs) if sys.stderr.isatty() else None

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:  # noqa: ARG002
        """Go on by an epoch."""
        if self._bar is not None:
            self._bar.set_postfix(val_loss=f"{row['val_loss']:.4g}", refresh=False)
            self._bar.update()

    def on_train_end(self, trainer: Any) -> None:  # noqa: ARG002
        """Take the line away."""
        if self._bar is not None:
            self._bar.close()


def _bar(n_epochs: int) -> Any:
    try:
        from tqdm import tqdm  # pyright: ignore
    except ImportError:
        return None
    return tqdm(total=n_epochs, desc="training", unit="epoch", leave=False, mininterval=0.1)
