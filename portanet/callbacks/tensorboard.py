"""TensorBoardLog: an epoch's numbers as TensorBoard shows them."""

import os
from pathlib import Path
from typing import Any

from portanet.backends._installing import WHERE, install
from portanet.callbacks.callback import Callback
from portanet.errors import ArgumentError


class TensorBoardLog(Callback):
    """Writes an epoch's numbers into event files in a folder: `tensorboard --logdir FOLDER`.

    Each number is a scalar by the number of steps.

    Raises ArgumentError, at once, if tensorboard is not installed.
    """

    everywhere = False

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._writer: Any = None
        _tensorboard()

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:
        """Write the numbers of an epoch."""
        if self._writer is None:
            self._writer = _tensorboard()(str(self.folder))
        for name, value in row.items():
            self._writer.add_scalar(name, value, trainer.n_steps)
        self._writer.flush()

    def on_train_end(self, trainer: Any) -> None:  # noqa: ARG002
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "_writer": None}

    def __repr__(self) -> str:
        return f"TensorBoardLog({str(self.folder)!r})"


def _tensorboard() -> Any:
    try:
        from tensorboard.summary import Writer  # pyright: ignore
    except ImportError as error:
        raise ArgumentError(
            f"TensorBoardLog: tensorboard is needed; {WHERE} run: {install('tensorboard')}"
        ) from error
    return Writer
