"""Samplers: which samples an epoch has, where some are to come more often than others."""

from typing import Any, TypeAlias

import numpy as np

from portanet.backends import backend_of
from portanet.checks import check_count
from portanet.constructors import CalledType
from portanet.data.lazy_array import in_memory
from portanet.data.numbers import as_numbers
from portanet.data.values import check_finite
from portanet.errors import ArgumentError, DataError, ShapeError, short
from portanet.reprs import call_of
from portanet.several import SEVERAL
from portanet.typing import Rng


class WeightedSampler(metaclass=CalledType):
    """Draws n samples an epoch with replacement: sample i with the probability w_i / Σ w.

    Shape: weights (N,), numbers >= 0, one for each sample. n is N unless it is given. An epoch's
    draws depend on the loader's seed and the epoch.

    Raises ShapeError unless weights are (N,), DataError unless all are >= 0 and one is > 0.

    >>> from portanet import DataLoader, Dataset
    >>> data = Dataset([[0.0], [1.0], [2.0]], [0, 0, 1])
    >>> loader = DataLoader(data, 4, sampler=WeightedSampler([1, 1, 2], n=8), seed=0)
    >>> [x[:, 0].tolist() for x, y in loader]
    [[0.0, 1.0, 2.0, 0.0], [0.0, 2.0, 2.0, 1.0]]
    """

    def __init__(self, weights: Any, n: int | None = None) -> None:
        self.weights = _checked(weights)
        self.n = None if n is None else check_count("WeightedSampler", "n", n)

    def __repr__(self) -> str:
        return call_of(self, ..., n=self.n)

    def n_samples(self, ds: Any) -> int:
        """Return how many samples an epoch has."""
        return len(ds) if self.n is None else self.n

    def order(self, ds: Any, rng: Rng) -> np.ndarray:
        """Return the numbers of an epoch's samples. Raises ShapeError unless there are N weights.

        A uniform number u gives the first sample i with w_0 + … + w_i > u Σ w.
        """
        if len(self.weights) != len(ds):
            raise ShapeError(
                f"WeightedSampler: weights must be ({len(ds)},), one for each sample, are "
                f"{self.weights.shape}"
            )
        return _drawn(self.weights, self.n_samples(ds), rng)


class BalancedSampler(metaclass=CalledType):
    """Draws n samples an epoch with replacement, each class as often as the others on average.

    The classes are the values of y, (N,) or (N, 1), integers or truth values; sample i has the
    weight 1 / (number of samples of its class). n is N unless it is given.

    Raises ArgumentError if y has no classes.
    """

    def __init__(self, n: int | None = None) -> None:
        self.n = None if n is None else check_count("BalancedSampler", "n", n)
        self._known: tuple[Any, np.ndarray] | None = None  # y and its weights

    def __repr__(self) -> str:
        return call_of(self, n=self.n)

    def n_samples(self, ds: Any) -> int:
        """Return how many samples an epoch has."""
        return len(ds) if self.n is None else self.n

    def order(self, ds: Any, rng: Rng) -> np.ndarray:
        """Return the numbers of an epoch's samples."""
        y = vars(ds).get("y")
        if self._known is None or self._known[0] is not y:
            self._known = y, balanced_weights(y)
        return _drawn(self._known[1], self.n_samples(ds), rng)


Sampler: TypeAlias = WeightedSampler | BalancedSampler


def balanced_weights(y: Any) -> np.ndarray:
    """Return 1 / (number of samples of its class) for each sample, (N,).

    >>> balanced_weights(np.array([3, 3, 5, 3]))
    array([0.33333333, 0.33333333, 1.        , 0.33333333])
    """
    if y is None or isinstance(y, SEVERAL):
        came = "has no y" if y is None else f"has several, {short(y)}"
        raise ArgumentError(
            f"BalancedSampler: the data set must have one y of classes, {came}; give "
            "WeightedSampler(weights), with a weight for each sample"
        )
    y = in_memory(as_numbers("y", y))
    labels = backend_of(y).to_numpy(y)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or labels.dtype.kind not in "biu":
        raise ArgumentError(
            f"BalancedSampler: y must be classes, integers or truth values (N,), is "
            f"{labels.dtype} {labels.shape}; give WeightedSampler(weights) for other targets"
        )
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return 1 / counts[classes]


def sampler_named(given: Any, *, shuffle: bool = False) -> Sampler | None:
    """Return a sampler; "balanced" is BalancedSampler().

    Raises ArgumentError if it is none, or if the loader is to shuffle as well.
    """
    if given is not None and shuffle:
        raise ArgumentError(
            "DataLoader: shuffle must be False with a sampler, which draws the order itself"
        )
    if isinstance(given, str) and given == "balanced":
        return BalancedSampler()
    if given is not None and not isinstance(given, WeightedSampler | BalancedSampler):
        raise ArgumentError(
            f"DataLoader: sampler must be 'balanced', a BalancedSampler or a WeightedSampler, is "
            f"{short(given)}; for an order of your own define order() in a subclass of DataLoader"
        )
    return given


def _checked(weights: Any) -> np.ndarray:
    """Return weights as float64 numbers, with the sum 1."""
    numbers = in_memory(as_numbers("weights", weights))
    check_finite("weights", numbers)
    numbers = backend_of(numbers).to_numpy(numbers).astype(np.float64)
    if numbers.ndim != 1:
        raise ShapeError(
            f"WeightedSampler: weights must be (N,), one for each sample, are {numbers.shape}"
        )
    if (numbers < 0).any() or not (numbers > 0).any():
        raise DataError(
            f"WeightedSampler: weights must be >= 0, and one > 0; they lie in "
            f"[{numbers.min():g}, {numbers.max():g}]"
        )
    numbers = numbers / numbers.max()  # a sum that cannot overflow
    return numbers / numbers.sum()


def _drawn(weights: np.ndarray, n: int, rng: Rng) -> np.ndarray:
    """Return n numbers of samples, each drawn with the probability weight / sum of the weights."""
    bounds = np.cumsum(weights)
    return np.searchsorted(bounds, rng.random(n) * bounds[-1], side="right")
