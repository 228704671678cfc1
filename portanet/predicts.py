"""Predicts: what a trained network says of samples, in the terms of its targets."""

from typing import Any


class Predicts:
    """The methods of a network with a loss that predict."""

    predictor: Any = None  # of `predict`, once it was called; no part of the network

    def predict(self, X: Any, *, batch_size: int = 1024) -> Any:
        """Return what the network predicts for samples, in the terms of y, where the network lies.

        With CrossEntropy the classes (N,), with binary losses labels 0 and 1, of other losses the
        outputs after their link (PoissonNLL: exp); without a loss the outputs. A column (N, 1)
        comes as (N,), the shape that y has: then predict(X) - y subtracts sample by sample. Of
        several outputs each, in their form.

        X is what Dataset(X, y) takes (lists, frames, memory maps, float64, dicts of arrays), and is
        checked and cast in the same way; `batch_size` samples are computed at once. From the 33rd
        batch on they are computed compiled (see portanet.compile_forward). Nothing of the network
        changes.

        Raises what Dataset and DataLoader raise for data that are not for this network.

        >>> from portanet import CrossEntropy, Linear, Sequential
        >>> model = Sequential([Linear(2, 3)], CrossEntropy())
        >>> model.predict([[0.0, 1.0], [2.0, 3.0]]).shape, model.predict_proba([[0.0, 1.0]]).shape
        ((2,), (1, 3))
        """
        from portanet.prediction import predict  # it stands above the compiler

        network: Any = self
        return predict(network, X, batch_size)

    def predict_proba(self, X: Any, *, batch_size: int = 1024) -> Any:
        """Return probabilities for samples: (N, C), of binary labels (N, 2) for 0 and 1.

        For several binary labels (N, K) of 1. X and batch_size as in predict.

        Raises ArgumentError without a loss, and for losses that compare numbers.
        """
        from portanet.prediction import predict_proba

        network: Any = self
        return predict_proba(network, X, batch_size)
