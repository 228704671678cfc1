"""The column to predict: classes, or a quantity."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from portanet.errors import DataError, short
from portanet.table.values import codes_of, numbers_of
from portanet.table.words import counted, listed


@dataclass(frozen=True)
class Classes:
    """Labels of any kind, which the network knows by their places in `classes`.

    >>> Classes("species", ["setosa", "virginica"]).decode(np.asarray([1, 0, 1]))
    ['virginica', 'setosa', 'virginica']
    """

    kind: ClassVar[str] = "classes"
    task: ClassVar[str] = "classification"
    name: str
    classes: list[Any]

    @classmethod
    def fit(cls, series: Any) -> Self:
        """Collect the labels: numbers by size, texts by the alphabet."""
        _, values = codes_of(series)
        return cls(series.name, sorted(values, key=lambda v: (isinstance(v, str), v)))

    @property
    def n_outputs(self) -> int:
        """How many numbers the network gives for a row."""
        return len(self.classes)

    def encode(self, series: Any) -> np.ndarray:
        """Return the class of each row, shape (N,), int64.

        Raises DataError if labels are missing, or training did not have them.
        """
        check_complete(series)
        codes, values = codes_of(series)
        place = {str(label): i for i, label in enumerate(self.classes)}
        unknown = [value for value in values if str(value) not in place]
        if unknown:
            raise DataError(
                f"target {short(self.name)} must be one of the classes of the training, "
                f"{listed(self.classes, 20)}; has {listed(unknown)}"
            )
        return np.array([place[str(value)] for value in values], np.int64)[codes]

    def decode(self, indices: np.ndarray) -> list[Any]:
        """Return the labels of class indices."""
        return [self.classes[i] for i in indices.tolist()]


@dataclass(frozen=True)
class Quantity:
    """Numbers, which the network knows as y' = (y - mean) / std of the training rows."""

    kind: ClassVar[str] = "quantity"
    task: ClassVar[str] = "regression"
    n_outputs: ClassVar[int] = 1
    name: str
    mean: float
    std: float

    @classmethod
    def fit(cls, series: Any) -> Self:
        """Compute mean and std of the training rows."""
        values = numbers_of(series)
        return cls(series.name, float(values.mean()), float(values.std()) or 1.0)

    def numbers(self, series: Any) -> np.ndarray:
        """Return the numbers themselves, shape (N,). Raises DataError if some are missing."""
        check_complete(series)
        return numbers_of(series)

    def encode(self, series: Any) -> np.ndarray:
        """Return y', shape (N, 1), float32."""
        return ((self.numbers(series) - self.mean) / self.std)[:, None].astype(np.float32)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return y from the network's outputs, shape (N,), float64."""
        return outputs.reshape(-1).astype(np.float64) * self.std + self.mean


def check_complete(series: Any) -> None:
    """Raise DataError if values of a target are missing."""
    gaps = np.flatnonzero(series.isna().to_numpy())
    if len(gaps):
        raise DataError(
            f"target {short(series.name)} must be given in each row, is missing in "
            f"{counted(len(gaps), 'row')}, the first is row {gaps[0] + 1}; remove these rows from "
            "the file, or name another --target"
        )
