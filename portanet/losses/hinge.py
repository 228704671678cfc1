"""The hinge loss, which enforces a margin between two classes."""

from portanet.backends import array_namespace
from portanet.errors import DataError
from portanet.layers.activations import sigmoid
from portanet.loss import Loss
from portanet.targets import labels_where, refuse
from portanet.typing import Array


class Hinge(Loss):
    """l = max(0, 1 - t s), s = y_hat a score, t = 1 for positives and -1 for negatives.

    Shapes: y_hat (N, ...), y alike, or (N,) for y_hat (N, 1); l (N,), the mean over a sample.

    dl/ds = -t where t s < 1, else 0 (0 at the kink itself).

    Labels are 0 and 1, as in all losses of portanet, or -1 and 1: positive is y > 0. (Keras accepts
    both as well, and inspects each batch; PyTorch has no hinge loss for two classes: its
    HingeEmbeddingLoss is another function.) With L2 weight decay on a Linear(n, 1) this is the
    linear support vector machine.

    The input of metrics is link(s) = sigmoid(s), above 1/2 where s is above 0, so that accuracy and
    ROC AUC are comparable with other losses; it is not a calibrated probability.

    Raises DataError unless the labels are 0 and 1, or -1 and 1; see Loss.

    Source: Cortes & Vapnik, "Support-vector networks", 1995.

    >>> import numpy as np
    >>> Hinge()(np.asarray([[0.5], [0.5], [3.0]]), np.asarray([1, 0, 1]))
    array([0.5, 1.5, 0. ])
    """

    expects = "logits"

    def check_targets(self, y: Array, y_hat_shape: tuple[int, ...] | None = None) -> None:  # noqa: ARG002
        """Raise DataError unless the labels are 0 and 1, or -1 and 1."""
        xp, advice = array_namespace(y), "Map your two labels to 0 and 1."
        bad = (y != 1) & (y != 0)
        if xp.isdtype(y.dtype, ("signed integer", "real floating")):
            bad = bad & (y != -1)
            if bool(xp.any(y == -1)) and bool(xp.any(y == 0)):
                raise DataError(
                    f"Hinge: y must hold two labels, 0 and 1 or -1 and 1, holds -1 and 0. {advice}"
                )
        refuse("Hinge", y, bad, "labels 0 and 1, or -1 and 1", advice)

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return max(0, 1 - t s)."""
        return array_namespace(y_hat).maximum(1 - _sign(y) * y_hat, 0)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return -t where t s < 1, else 0."""
        xp, t = array_namespace(y_hat), _sign(y)
        return xp.where(t * y_hat < 1, -t, xp.zeros_like(t))

    def link(self, y_hat: Array) -> Array:
        """Return sigmoid(s): above 1/2 where the prediction is positive."""
        return sigmoid(y_hat)

    def decisions(self, y_hat: Array) -> Array:
        """Return the labels, 0 or 1: 1 where s > 0."""
        return labels_where(y_hat > 0)

    def scores(self, y_hat: Array) -> Array:
        """Return y_hat: the scores s, which do not saturate."""
        return y_hat


def _sign(y: Array) -> Array:
    """Return 1 for positives and -1 for the others."""
    xp = array_namespace(y)
    return xp.where(y > 0, xp.ones_like(y), -xp.ones_like(y))
