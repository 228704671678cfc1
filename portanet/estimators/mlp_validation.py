"""Validation: the samples that early stopping sets aside, and the score of a network on them."""

from math import nan
from typing import Any

from portanet.backends import array_namespace
from portanet.errors import ArgumentError
from portanet.estimators.mlp_network import MLPNetwork


class Validation:
    """Samples with their targets, and the estimator's score of predictions for them."""

    def __init__(self, estimator: Any, X: Any, y: Any, weights: Any) -> None:
        self.estimator, self.X, self.weights = estimator, X, weights
        self.y = estimator._labels(y)

    def score(self, network: MLPNetwork) -> float:
        """Return accuracy or R²; NaN where a prediction is not finite."""
        predicted = self.estimator._predicted(network, self.X)
        xp = array_namespace(predicted)
        if xp.isdtype(predicted.dtype, "real floating") and not xp.all(xp.isfinite(predicted)):
            return nan
        return float(self.estimator._metric(self.y, predicted, sample_weight=self.weights))


def split(estimator: Any, X: Any, y: Any, weights: Any) -> tuple[tuple[Any, ...], Validation]:
    """Return the samples to train with, and those to validate with.

    Classes of a single column are stratified, as in scikit-learn.

    Raises ArgumentError if fewer than two samples are left to validate with.
    """
    from sklearn.model_selection import train_test_split

    given = (X, y) if weights is None else (X, y, weights)
    parts: list[Any] = train_test_split(
        *given,
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=y if estimator._stratifies and y.shape[1] == 1 else None,
    )
    train, held = parts[::2], parts[1::2]
    if held[0].shape[0] < 2:
        raise ArgumentError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    missing = (None,) * (3 - len(given))
    return (*train, *missing), Validation(estimator, *held, *missing)
