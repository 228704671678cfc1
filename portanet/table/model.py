"""A network with its preprocessing: from rows of a table to answers in the table's words."""

import os
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from portanet.checkpoint import save
from portanet.checkpoint_file import read
from portanet.checkpoint_model import load_model
from portanet.errors import CheckpointError, DataError
from portanet.sequential import Sequential
from portanet.table.preprocessing import Preprocessing
from portanet.table.scores import Scores, class_scores, quantity_scores
from portanet.table.target import Classes
from portanet.table.words import no_column

KEY = "table"  # in the checkpoint's `extra`


@dataclass
class TableModel:
    """A trained network and what lies between it and a table.

    `about` has what is kept beside: scores, history, options, versions; what JSON can hold.
    """

    network: Sequential
    preprocessing: Preprocessing
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """What is predicted: "classification" of rows, or "regression" of numbers."""
        return self.preprocessing.target.task

    @property
    def classes(self) -> list[Any]:
        """The labels, in the order of the probabilities' columns; none for a regression."""
        target = self.preprocessing.target
        return target.classes if isinstance(target, Classes) else []

    def predict(self, frame: Any) -> list[Any] | np.ndarray:
        """Return an answer for each row: labels, or numbers in the target's units (N,), float64.

        A label is the class whose probability is the largest, the first of several.
        """
        if isinstance(self.preprocessing.target, Classes):
            return self.preprocessing.target.decode(self.predict_proba(frame).argmax(1))
        found = self.network.predict(self.preprocessing.transform(frame))
        return self.preprocessing.target.decode(self.network.backend.to_numpy(found))

    def predict_proba(self, frame: Any) -> np.ndarray:
        """Return the probability of each class, shape (N, n classes), float32."""
        if not self.classes:
            raise DataError("predict: a regression has no probabilities; leave them out")
        found = self.network.predict_proba(self.preprocessing.transform(frame))
        return self.network.backend.to_numpy(found)

    def evaluate(self, frame: Any) -> Scores:
        """Return the scores of the answers to rows whose target is known.

        Raises ArgumentError if the table lacks the target, DataError if values of it are missing or
        of a class that training did not have.
        """
        target = self.preprocessing.target
        if target.name not in frame.columns:
            raise DataError(
                no_column("table", target.name, list(frame.columns)) + "; it is the target"
            )
        if isinstance(target, Classes):
            y = target.encode(frame[target.name])
            return class_scores(target, self.predict_proba(frame), y)
        y = target.numbers(frame[target.name])
        return quantity_scores(target, np.asarray(self.predict(frame)), y)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file, which `portanet.load_model` opens, too; see portanet.save."""
        stored = {"preprocessing": self.preprocessing.to_json(), **self.about}
        save(path, self.network, extra={KEY: stored})

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, backend: str | None = None, device: Any = None
    ) -> Self:
        """Return what `save` has written, its network on a backend (NumPy unless given).

        Raises CheckpointError if the file is damaged, or is of a network without a table; OSError
        if it cannot be read.
        """
        extra = read(path, "table").extra
        if not isinstance(extra, dict) or not isinstance(extra.get(KEY), dict):
            raise CheckpointError(
                f"table: {path} holds a network without a table's preprocessing; it must be one "
                "that portanet train has written"
            )
        stored = dict(extra[KEY])
        preprocessing = Preprocessing.from_json(stored.pop("preprocessing", None))
        return cls(load_model(path, backend=backend, device=device), preprocessing, stored)
