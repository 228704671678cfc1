"""Logs of a run, a line for each epoch: as CSV, or as JSON."""

import csv
import json
import os
from math import isfinite
from pathlib import Path
from typing import Any

from portanet.callbacks.callback import Callback


class JSONLog(Callback):
    """Appends a line to a file after each epoch: {"epoch": 0, "step": 16, "loss": 0.62, …}.

    Numbers that are not finite are null: JSON has none. A run that is resumed goes on in its file;
    lines of later epochs, which a killed run has left behind its checkpoint, are removed first.

    Raises OSError if the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def on_train_start(self, trainer: Any) -> None:
        """Remove the lines of epochs that are yet to come."""
        if self.path.exists():
            lines = self.path.read_text().splitlines()
            kept = [line for line in lines if json.loads(line)["epoch"] < len(trainer.history)]
            self.path.write_text("".join(f"{line}\n" for line in kept))

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:
        """Append a line."""
        found = {"epoch": len(trainer.history) - 1, "step": trainer.n_steps, **row}
        valid = {n: v if isfinite(v) else None for n, v in found.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(valid) + "\n")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


class CSVLog(JSONLog):
    """Appends a row to a table after each epoch: epoch, step, loss, val_loss, val_metric.

    The first line has the names. A run that is resumed goes on in its file, as with JSONLog.

    Raises OSError if the file cannot be written.
    """

    def on_train_start(self, trainer: Any) -> None:
        """Remove the rows of epochs that are yet to come."""
        if self.path.exists():
            with self.path.open(newline="") as file:
                head, *rows = list(csv.reader(file)) or [[]]
            kept = [row for row in rows if int(row[0]) < len(trainer.history)]
            with self.path.open("w", newline="") as file:
                csv.writer(file).writerows([head, *kept] if kept else [])

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:
        """Append a row."""
        found = {"epoch": len(trainer.history) - 1, "step": trainer.n_steps, **row}
        is_new = not self.path.exists() or self.path.stat().st_size == 0
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(found)
            writer.writerow(found.values())
