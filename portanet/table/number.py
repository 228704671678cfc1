"""A column of numbers: gaps are filled, then it is scaled."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from portanet.table.values import numbers_of


@dataclass(frozen=True)
class Number:
    """x' = (x - mean) / std, where x is the median if the value is missing.

    If values were missing in the training rows, a second feature is 1 where x is missing, else 0.
    All statistics are those of the training rows, mean and std with the gaps filled; std divides by
    N, and is 1 for a column that is constant.

    Source: scikit-learn's SimpleImputer(strategy="median", add_indicator=True), StandardScaler.
    """

    kind: ClassVar[str] = "number"
    name: str
    median: float
    mean: float
    std: float
    missing: bool

    @classmethod
    def fit(cls, series: Any) -> Self:
        """Compute the statistics of a column of training rows."""
        values = numbers_of(series)
        known = values[~np.isnan(values)]
        median = float(np.median(known)) if len(known) else 0.0
        filled = np.where(np.isnan(values), median, values)
        mean, std = float(filled.mean()), float(filled.std())
        noise = 4 * np.finfo(np.float64).eps * abs(mean)  # of a constant column
        return cls(series.name, median, mean, std if std > noise else 1.0, len(known) < len(values))

    @property
    def features(self) -> list[str]:
        """The names of its features."""
        return [self.name, f"{self.name} is missing"] if self.missing else [self.name]

    def transform(self, series: Any) -> np.ndarray:
        """Return its features, shape (N, 1) or (N, 2), float32."""
        values = numbers_of(series)
        gaps = np.isnan(values)
        scaled = (np.where(gaps, self.median, values) - self.mean) / self.std
        columns = [scaled, gaps] if self.missing else [scaled]
        return np.stack(columns, axis=1).astype(np.float32)

    def unknown(self, series: Any) -> list[str]:  # noqa: ARG002
        """Return the values that training did not have: any number is known."""
        return []
