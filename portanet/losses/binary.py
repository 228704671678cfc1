"""Binary cross entropy, on probabilities (as in the blog) and on logits (recommended)."""

from collections.abc import Sequence
from typing import Any, cast

from portanet.backends import array_namespace
from portanet.checks import skips_value_checks
from portanet.layers.activations import sigmoid
from portanet.loss import Loss
from portanet.losses._bounded import bounded
from portanet.losses.weights import parse_weights, weights_like
from portanet.options import Option
from portanet.targets import labels_where, refuse, without_column
from portanet.typing import Array


class _Binary(Loss):
    """Shared by both: labels are 0 or 1, or with soft_targets numbers in [0, 1]."""

    def __init__(self, *, soft_targets: bool = False) -> None:
        self.soft_targets = soft_targets

    def check_targets(self, y: Array, y_hat_shape: tuple[int, ...] | None = None) -> None:  # noqa: ARG002
        """Raise DataError unless every label is 0 or 1 (soft_targets: in [0, 1])."""
        if self.soft_targets:
            bad, wanted = ~((y >= 0) & (y <= 1)), "numbers in [0, 1]"
        else:
            bad, wanted = (y != 0) & (y != 1), "labels 0 and 1"
        advice = (
            "Map -1 and 1, or 1 and 2, to 0 and 1; for probabilities use soft_targets=True, for "
            "more than two classes CrossEntropy."
        )
        refuse(type(self).__name__, y, bad, wanted, advice)

    def decisions(self, y_hat: Array) -> Array:
        """Return the more probable labels, 0 or 1; with soft_targets the probabilities."""
        p = self.link(y_hat)
        return without_column(p) if self.soft_targets else labels_where(p > 0.5)

    def probabilities(self, y_hat: Array) -> Array:
        """Return the probabilities of 1; of a single column those of 0 and of 1, (N, 2)."""
        p = self.link(y_hat)
        one_column = p.ndim == 2 and p.shape[1] == 1
        pair = [self.complement(y_hat), p]
        return array_namespace(p).concat(pair, axis=1) if one_column else p

    def complement(self, y_hat: Array) -> Array:
        """Return the probabilities of 0."""
        return 1 - y_hat


class BinaryCrossEntropy(_Binary):
    """l = -(y log p + (1 - y) log(1 - p)), p = y_hat a probability: the output of a Sigmoid.

    Shapes: y_hat (N, ...), y alike, or (N,) for y_hat (N, 1); l (N,), the mean over a sample.

    dl/dp = (p - y) / (p (1 - p)).

    p, 1 - p and their product are at least the smallest normal number (1e-38 in float32), so that
    the loss is finite at p = 0 and p = 1 (at most 87.3, or 708.4 in float64), and the gradient
    with respect to the logit of a Sigmoid is exactly p - y even there: Sigmoid.backward multiplies
    by the same bounded p (1 - p). (The blog clips p at 1e-8, which float32 rounds to 1; PyTorch
    clips the log at -100, Keras p at 1e-7.) A p near 1 has few significant digits in 1 - p:
    BCEWithLogits keeps the loss exact as well.

    Raises DataError unless the labels are 0 or 1 (soft_targets=True: in [0, 1]), and in direct
    calls if p is outside [0, 1]; see Loss.

    Source: Cox, "The regression analysis of binary sequences", 1958: minus the log-likelihood of
    the labels.

    >>> import numpy as np
    >>> BinaryCrossEntropy()(np.asarray([[0.5], [1.0]]), np.asarray([1.0, 1.0])).round(3)
    array([0.693, 0. ])
    """

    expects = "probabilities"

    def align(self, y_hat: Array, y: Array) -> Array:
        """Return y as Loss does. Raises DataError unless y_hat holds probabilities."""
        y = super().align(y_hat, y)
        if not skips_value_checks():
            advice = "Put a Sigmoid before this loss, or use BCEWithLogits on logits."
            bad = (y_hat < 0) | (y_hat > 1)
            refuse("BinaryCrossEntropy", y_hat, bad, "probabilities in [0, 1]", advice, "y_hat")
        return y

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return -(y log p + (1 - y) log(1 - p))."""
        xp = array_namespace(y_hat)
        tiny = float(xp.finfo(y_hat.dtype).smallest_normal)
        log_p = xp.log(xp.maximum(y_hat, tiny))
        log_q = xp.log(xp.maximum(1 - y_hat, tiny))
        return -y * log_p - (1 - y) * log_q

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return (p - y) / (p (1 - p))."""
        xp = array_namespace(y_hat)
        tiny = float(xp.finfo(y_hat.dtype).smallest_normal)
        return (y_hat - y) / xp.maximum(y_hat * (1 - y_hat), tiny)


class BCEWithLogits(_Binary):
    """l = log(1 + exp(z)) - y z, z = y_hat a logit: the loss of Sigmoid + BinaryCrossEntropy.

    Computed as max(z, 0) - y z + log1p(exp(-|z|)), which neither overflows nor cancels.
    Shapes: y_hat (N, ...), y alike, or (N,) for y_hat (N, 1); l (N,), the mean over a sample.

    dl/dz = sigmoid(z) - y: the derivative of log(1 + exp(z)) is the sigmoid.

    positive_weight w, a number or one per column, >= 0, multiplies the loss of positives:
    l = w y log(1 + exp(-z)) + (1 - y) log(1 + exp(z)); the mean still divides by the number of
    samples (as with PyTorch's pos_weight). (number of 0s) / (number of 1s) balances the classes.

    Logits are clipped to [-2^100, 2^100]: the loss of an infinite logit is 0 if its sign is right,
    else 1.3e30. (PyTorch: NaN and inf.) The input of metrics is link(z) = sigmoid(z), the
    probabilities.

    Raises DataError unless the labels are 0 or 1 (soft_targets=True: in [0, 1]); see Loss.

    Source: see BinaryCrossEntropy.

    >>> import numpy as np
    >>> BCEWithLogits()(np.asarray([[0.0], [1e4]]), np.asarray([1, 0])).round(3)
    array([6.93e-01, 1.00e+04])
    """

    expects = "logits"
    positive_weight = Option(parse_weights)

    def __init__(
        self, *, soft_targets: bool = False, positive_weight: float | Sequence[float] | None = None
    ) -> None:
        super().__init__(soft_targets=soft_targets)
        self.positive_weight = cast("Any", positive_weight)

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return max(z, 0) - y z + log1p(exp(-|z|)); (1 - y) z + (1 + (w-1) y) softplus(-z)."""
        xp, z = array_namespace(y_hat), bounded(y_hat)
        if self.positive_weight is None:
            return xp.maximum(z, 0) - y * z + xp.log1p(xp.exp(-xp.abs(z)))
        scale = 1 + (self._weight_like(y_hat) - 1) * y
        z = xp.where(scale != 0, z, 0)  # the product of NaN with a weight of 0 would be NaN
        return (1 - y) * z + scale * (xp.log1p(xp.exp(-xp.abs(z))) + xp.maximum(-z, 0))

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return sigmoid(z) - y; (1 - y) sigmoid(z) - w y (1 - sigmoid(z)) with a weight."""
        if self.positive_weight is None:
            return sigmoid(y_hat) - y
        w = self._weight_like(y_hat)
        z = array_namespace(y_hat).where(1 + (w - 1) * y != 0, y_hat, 0)
        return (1 - y) * sigmoid(z) - w * y * sigmoid(-z)

    def link(self, y_hat: Array) -> Array:
        """Return sigmoid(z), the probabilities."""
        return sigmoid(y_hat)

    def complement(self, y_hat: Array) -> Array:
        """Return sigmoid(-z), which keeps its digits where 1 - sigmoid(z) rounds to 0."""
        return sigmoid(-y_hat)

    def scores(self, y_hat: Array) -> Array:
        """Return y_hat: the logits, which do not saturate."""
        return y_hat

    def _weight_like(self, y_hat: Array) -> Array:
        return weights_like("BCEWithLogits", "positive_weight", self.positive_weight, y_hat, -1)
