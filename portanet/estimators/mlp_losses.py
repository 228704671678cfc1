"""The losses of scikit-learn's MLPs: a mean over the samples, and a penalty on the weights.

They differ from portanet.losses in what they add up: over the outputs of a sample the gradient is
that of a sum, and the penalty is divided by the number of samples of the batch.
"""

from collections.abc import Sequence

from portanet.backends import array_namespace
from portanet.errors import OrderError
from portanet.layers import Linear
from portanet.layers.activations import sigmoid
from portanet.layers.softmax import softmax
from portanet.loss import Loss
from portanet.several import unweighted
from portanet.typing import Array, Dtype


class WeightPenalty:
    """alpha / 2 Σ w² over the weights of linear layers; biases are left out."""

    def __init__(self, layers: Sequence[Linear], alpha: float) -> None:
        self.layers, self.alpha = list(layers), alpha

    def value(self) -> Array:
        """Return alpha / 2 Σ w², of shape ()."""
        first, *others = (_sum_of_squares(layer.weights.value) for layer in self.layers)
        return self.alpha / 2 * sum(others, first)

    def add_gradients(self, total: Array | float) -> None:
        """Add the gradient of value() / total to those of the weights."""
        for layer in self.layers:
            layer.weights.grad = layer.weights.grad + self.alpha / total * layer.weights.value


class MLPLoss(Loss):
    """(Σ v_i l_i + alpha/2 Σ w²) / Σ v_i, with the weights v of the samples (1 without them).

    Shapes: y_hat (N, K) before the output's link, y alike, floats; l (N,).

    dL/dy_hat = v (link(y_hat) - y) / Σ v: each of these losses is minus a log-likelihood whose link
    is the canonical one.

    The losses returned, (N,), have this number as their mean: scikit-learn adds up the epoch's loss
    from the batches' means times their lengths, whatever the weights are.

    Source: sklearn.neural_network._base, as of scikit-learn 1.9 (BSD-3-Clause).
    """

    expects = "logits"

    def __init__(self, penalty: WeightPenalty | None = None) -> None:
        self.penalty = penalty

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return l, (N,)."""
        return self.loss_of(y_hat, self.link(y_hat), y)

    def loss_of(self, y_hat: Array, p: Array, y: Array) -> Array:
        """Return l, (N,), given the predictions p = link(y_hat), too."""
        raise NotImplementedError

    def forward(
        self, y_hat: Array, y: Array, *, sample_weight: Array | None = None, training: bool = False
    ) -> Array:
        """Return numbers (N,) whose mean is the loss of the batch."""
        y, given = unweighted(y)
        v = given if sample_weight is None else sample_weight
        n, p = y_hat.shape[0], self.link(y_hat)
        losses = self.loss_of(y_hat, p, y)
        total = n if v is None else _sum_of(v)
        if v is not None:
            losses = losses * v * (n / total)
        if training:
            self._saved = p, y, v, total
        return losses if self.penalty is None else losses + self.penalty.value() / total

    def backward(self) -> Array:
        """Return the gradient with respect to y_hat."""
        p, y, v, total = self._take_saved()
        gradient = p - y
        if v is not None:
            gradient = gradient * array_namespace(v).reshape(v, (-1, 1))
        return gradient / total

    def total(self) -> Array | float:
        """Return Σ v of the batch that forward was last called with, until backward."""
        if self._saved is None:
            raise OrderError(f"{type(self).__name__}: call forward(..., training=True) first")
        return self._saved[-1]

    def weight_of(self, y: Array, sample_weight: Array | None = None) -> Array | None:  # noqa: ARG002
        """Return None: in the mean of an epoch each sample counts once."""
        return None

    def element_weights(self, y: Array, dtype: Dtype) -> Array | None:  # noqa: ARG002
        """Return None: all elements count alike."""
        return None


class SoftmaxLoss(MLPLoss):
    """l = -Σ_k y_k log p_k, p = softmax(y_hat): one class of K, y one-hot.

    p is clipped to [ε, 1 - ε] in the loss, not in the gradient, ε = 2.2e-16 in float64.
    """

    def link(self, y_hat: Array) -> Array:
        """Return softmax(y_hat), the probabilities."""
        return softmax(y_hat)

    def loss_of(self, y_hat: Array, p: Array, y: Array) -> Array:  # noqa: ARG002
        """Return -log Σ y p, as y is one-hot: one logarithm for each sample."""
        return -_log(array_namespace(y).sum(y * p, axis=-1))


class LogisticLoss(MLPLoss):
    """l = -Σ_k (y_k log p_k + (1 - y_k) log(1 - p_k)), p = sigmoid(y_hat): K labels of 0 and 1.

    p is clipped as in SoftmaxLoss.
    """

    def link(self, y_hat: Array) -> Array:
        """Return sigmoid(y_hat), the probabilities of 1."""
        return sigmoid(y_hat)

    def loss_of(self, y_hat: Array, p: Array, y: Array) -> Array:  # noqa: ARG002
        """Return the sum over the labels, each of which is 0 or 1: -log p or -log(1 - p)."""
        return -array_namespace(y).sum(_log(y * p + (1 - y) * (1 - p)), axis=-1)


class SquaredLoss(MLPLoss):
    """l = mean_k (y_hat_k - y_k)² / 2.

    The gradient is that of the sum over k, y_hat - y, as in scikit-learn: with several outputs the
    loss that is reported is not the one that is minimized, but it over K.
    """

    expects = "numbers"

    def loss_of(self, y_hat: Array, p: Array, y: Array) -> Array:  # noqa: ARG002
        """Return half of the mean square."""
        difference = y_hat - y
        return array_namespace(y).mean(difference * difference, axis=-1) / 2


class PoissonLoss(MLPLoss):
    """l = Σ_k y_k log(y_k / r_k) - y_k + r_k, r = exp(y_hat): half of the deviance of counts."""

    expects = "numbers"

    def loss_of(self, y_hat: Array, p: Array, y: Array) -> Array:
        """Return half of the deviance; 0 log 0 is 0."""
        xp = array_namespace(y)
        entropy = y * xp.log(xp.where(y > 0, y, xp.ones_like(y)))
        return xp.sum(entropy - y * y_hat - y + p, axis=-1)

    def link(self, y_hat: Array) -> Array:
        """Return exp(y_hat), the expected counts."""
        return array_namespace(y_hat).exp(y_hat)


LOSSES = {
    "softmax": SoftmaxLoss,
    "logistic": LogisticLoss,
    "identity": SquaredLoss,
    "exp": PoissonLoss,
}
"""The loss that goes with an output, by scikit-learn's name of the output's link."""


def _sum_of_squares(w: Array) -> Array:
    flat = array_namespace(w).reshape(w, (1, -1))
    return array_namespace(w).reshape(flat @ flat.T, ())


def _log(p: Array) -> Array:
    """Return the logarithm of probabilities, clipped to [ε, 1 - ε]."""
    xp = array_namespace(p)
    epsilon = float(xp.finfo(p.dtype).eps)
    return xp.log(xp.minimum(xp.maximum(p, epsilon), 1 - epsilon))


def _sum_of(v: Array) -> Array:
    """Return the sum of weights, 1 if they are all 0: then the loss is 0, never NaN."""
    xp = array_namespace(v)
    total = xp.sum(v)
    return xp.where(total == 0, xp.ones_like(total), total)
