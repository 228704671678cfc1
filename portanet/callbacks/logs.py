"""Logs of a run, a line for each epoch: as CSV, or as JSON."""

import csv
import io
import json
import os
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from portanet.atomic_file import append_to_file, replace_file
from portanet.callbacks.callback import Callback
from portanet.errors import DataError, short


class JSONLog(Callback):
    """Appends a line to a file after each epoch: {"epoch": 0, "step": 16, "loss": 0.62, …}.

    Numbers that are not finite are null: JSON has none. A run that is resumed goes on in its file;
    lines of later epochs, which a killed run has left behind its checkpoint, are removed first, and
    so is half a line at the end.

    Raises OSError, with the path, if the file cannot be written: what it has is unchanged then;
    DataError if the file is there and has other lines.
    """

    _begins = b'{"epoch": '

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def on_train_start(self, trainer: Any) -> None:
        """Remove the lines of epochs that are yet to come. Until then the file is what it was."""
        if not self.path.exists():
            return
        old = self.path.read_bytes()
        complete = old[: old.rfind(b"\n") + 1]
        try:
            if not complete and not self._begins.startswith(old[: len(self._begins)]):
                raise ValueError("one line, of something else")
            kept = self._kept(complete.decode(), len(trainer.history)).encode()
        except (ValueError, LookupError, TypeError) as error:
            raise DataError(
                f"{type(self).__name__}: {self.path} must be a log that this callback has written, "
                f"has other lines: {short(old)}; give the path of a new file"
            ) from error
        if kept != old:
            replace_file(type(self).__name__, self.path, lambda file: file.write(kept))

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:
        """Append a line."""
        numbers = {"epoch": len(trainer.history) - 1, "step": trainer.n_steps, **row}
        append_to_file(type(self).__name__, self.path, self._line(numbers).encode())

    def _kept(self, text: str, n_epochs: int) -> str:
        """Return the lines of the first epochs."""
        lines = text.splitlines(keepends=True)
        return "".join(line for line in lines if json.loads(line)["epoch"] < n_epochs)

    def _line(self, numbers: Mapping[str, float]) -> str:
        """Return what is appended after an epoch."""
        valid = {name: value if isfinite(value) else None for name, value in numbers.items()}
        return json.dumps(valid) + "\n"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


class CSVLog(JSONLog):
    """Appends a row to a table after each epoch: epoch, step, loss, val_loss, val_metric.

    The first line has the names. A run that is resumed goes on in its file, as with JSONLog.

    Raises OSError and DataError as JSONLog does.
    """

    _begins = b"epoch,step,"

    def _kept(self, text: str, n_epochs: int) -> str:
        head, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
        if head and head[:2] != ["epoch", "step"]:
            raise ValueError("the first line has no names")
        kept = [row for row in rows if int(row[0]) < n_epochs]
        return _table([head, *kept]) if kept else ""

    def _line(self, numbers: Mapping[str, float]) -> str:
        is_new = not self.path.exists() or self.path.stat().st_size == 0
        return _table([numbers, numbers.values()] if is_new else [numbers.values()])


def _table(rows: Any) -> str:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
