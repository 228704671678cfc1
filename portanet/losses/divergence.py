"""The Kullback-Leibler divergence between two distributions."""

from portanet.backends import array_namespace
from portanet.loss import Loss
from portanet.losses.probabilities import check_probabilities
from portanet.typing import Array


class KLDiv(Loss):
    """l = sum over classes of q (log q - y_hat): y_hat log-probabilities, q = y probabilities.

    log_target=True: y is log q, which represents small probabilities more accurately.
    Shapes: y_hat (N, ..., C), classes along `axis`, y alike; l (N,), the sum over classes, the
    mean over a sample's other axes.

    dl/dy_hat = -q: y_hat enters once, linearly.

    A class with q = 0 contributes 0, even where y_hat is -inf (PyTorch: NaN).
    (PyTorch's default also divides by the number of classes, and warns about it; this is its
    reduction="batchmean". Keras takes probabilities as y_hat.) The input of metrics is
    link(y_hat) = exp(y_hat).

    Raises DataError unless the targets are probabilities, >= 0 and with the sum 1; see Loss.

    Source: Kullback & Leibler, "On information and sufficiency", 1951, equation 2.2.

    >>> import numpy as np
    >>> half = np.log(np.asarray([[0.5, 0.5]]))
    >>> KLDiv()(half, np.asarray([[1.0, 0.0]])).round(3)
    array([0.693])
    """

    expects = "log-probabilities"

    def __init__(self, *, log_target: bool = False, axis: int = -1) -> None:
        self.log_target, self.axis = log_target, axis

    def check_targets(self, y: Array, y_hat_shape: tuple[int, ...] | None = None) -> None:  # noqa: ARG002
        """Raise DataError unless y holds probabilities (or their logarithms) with the sum 1."""
        xp = array_namespace(y)
        check_probabilities("KLDiv", xp.exp(y) if self.log_target else y, self.axis)

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the sum of q (log q - y_hat), the classes' axis kept with length 1."""
        xp = array_namespace(y_hat)
        q = self._probabilities(y)
        present, zeros = q > 0, xp.zeros_like(q)
        log_q = y if self.log_target else xp.log(xp.where(present, q, xp.ones_like(q)))
        distance = xp.where(present, log_q, zeros) - xp.where(present, y_hat, zeros)
        return xp.sum(q * distance, axis=self.axis, keepdims=True)

    def gradient(self, y_hat: Array, y: Array) -> Array:  # noqa: ARG002
        """Return -q."""
        return -self._probabilities(y)

    def link(self, y_hat: Array) -> Array:
        """Return exp(y_hat), the probabilities."""
        return array_namespace(y_hat).exp(y_hat)

    def probabilities(self, y_hat: Array) -> Array:
        """Return exp(y_hat)."""
        return self.link(y_hat)

    def scores(self, y_hat: Array) -> Array:
        """Return y_hat: the log-probabilities, which do not saturate."""
        return y_hat

    def _probabilities(self, y: Array) -> Array:
        return array_namespace(y).exp(y) if self.log_target else y
