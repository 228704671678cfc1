"""Logs of a run, a line for each epoch: as CSV, or as JSON."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring_ascii
from math import isfinite
from pathlib import Path
from typing import Any

from portanet.appended_file import AppendedFile
from portanet.atomic_file import replace_file
from portanet.callbacks.callback import Callback
from portanet.errors import DataError, short


class JSONLog(Callback):
    """Appends a line to a file after each epoch: {"epoch": 0, "step": 16, "loss": 0.62, …}.

    Numbers that are not finite are null: JSON has none. A line is with the system when its epoch is
    over, so that a process that is killed loses none; the file is open while train() runs.

    A run that is resumed goes on in its file; lines of later epochs, which a killed run has left
    behind its checkpoint, are removed first, and so is half a line at the end.

    Raises OSError, with the path, if the file cannot be written: what it has is unchanged then;
    DataError if the file is there and has other lines.
    """

    everywhere = False

    _begins = b'{"epoch": '

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = AppendedFile(type(self).__name__, self.path)

    def on_train_start(self, trainer: Any) -> None:
        """Remove the lines of epochs that are yet to come. Until then the file is what it was."""
        self._file.close()
        self._file = AppendedFile(type(self).__name__, self.path)
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
        self._file.append(self._line(numbers).encode())

    def on_train_end(self, trainer: Any) -> None:  # noqa: ARG002
        """Close the file."""
        self._file.close()

    def _kept(self, text: str, n_epochs: int) -> str:
        """Return the lines of the first epochs."""
        lines = text.splitlines(keepends=True)
        return "".join(line for line in lines if json.loads(line)["epoch"] < n_epochs)

    def _line(self, numbers: Mapping[str, float]) -> str:
        """Return what is appended after an epoch."""
        # json.dumps makes an encoder for each line, which takes as long as the line
        items = [f"{encode_basestring_ascii(name)}: {_json(v)}" for name, v in numbers.items()]
        return f"{{{', '.join(items)}}}\n"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


def _json(value: float) -> str:
    """Return a number as JSON; it may be one of NumPy's, too."""
    if not isfinite(value):
        return "null"
    return repr(value) if type(value) in (float, int) else json.dumps(value)


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
        row = ",".join(map(str, numbers.values())) + "\r\n"  # numbers need no quotes
        return row if self._file.size() else _table([numbers]) + row


def _table(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
