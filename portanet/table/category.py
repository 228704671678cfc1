"""A column of categories: one feature for each."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from portanet.table.values import texts_of


@dataclass(frozen=True)
class Category:
    """One-hot: feature i is 1 where the value is categories[i], else 0.

    A missing value counts as the most frequent one of the training rows (the first in the alphabet
    of several); if some were missing there, a last feature is 1 where it is missing, else 0. A
    value that the training rows did not have is none of the categories: all features are 0.

    Source: scikit-learn's SimpleImputer(strategy="most_frequent", add_indicator=True) and
    OneHotEncoder(handle_unknown="ignore").
    """

    kind: ClassVar[str] = "category"
    name: str
    categories: list[str]
    most_frequent: str
    missing: bool

    @classmethod
    def fit(cls, series: Any) -> Self:
        """Collect the categories of a column of training rows."""
        codes, texts = texts_of(series)
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        by_name = sorted(zip(texts, counts.tolist(), strict=True))
        most = max(by_name, key=lambda pair: pair[1], default=("", 0))[0]
        return cls(series.name, [text for text, _ in by_name], most, bool((codes < 0).any()))

    @property
    def features(self) -> list[str]:
        """The names of its features."""
        names = [f"{self.name} = {text}" for text in self.categories]
        return [*names, f"{self.name} is missing"] if self.missing else names

    def transform(self, series: Any) -> np.ndarray:
        """Return its features, shape (N, n categories) or one more, float32."""
        codes, texts = texts_of(series)
        place = {text: i for i, text in enumerate(self.categories)}
        # a code of -1 is the last entry: the most frequent category
        filled = [*texts, self.most_frequent]
        places = np.array([place.get(text, -1) for text in filled])[codes]
        one_hot = np.zeros((len(codes), len(self.features)), np.float32)
        known = np.flatnonzero(places >= 0)
        one_hot[known, places[known]] = 1
        if self.missing:
            one_hot[:, -1] = codes < 0
        return one_hot

    def unknown(self, series: Any) -> list[str]:
        """Return the values that training did not have."""
        return sorted(set(texts_of(series)[1]) - set(self.categories))
