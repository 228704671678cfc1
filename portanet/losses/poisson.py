"""Poisson regression: y_hat is the expected number of events, or its logarithm."""

from math import log

from portanet.backends import array_namespace
from portanet.checks import check_number
from portanet.loss import Loss
from portanet.losses._bounded import LARGE, bounded
from portanet.options import Option
from portanet.targets import refuse
from portanet.typing import Array

_LOG_LARGE = log(LARGE)


class PoissonNLL(Loss):
    """l = r - y log r: minus the log-likelihood of y events at the rate r.

    The term log(y!) is omitted, as it does not depend on y_hat (PyTorch: full=False).
    log_input=True (the default): y_hat is log r, so l = exp(y_hat) - y y_hat.
    log_input=False: y_hat is r >= 0 itself, and l = r - y log(r + eps).
    Shapes: y_hat (N, ...), y alike, or (N,) for y_hat (N, 1); l (N,), the mean over a sample.

    dl/dy_hat = exp(y_hat) - y, and 1 - y / (r + eps): each term's derivative.

    Rates are clipped at 2^100 = 1.3e30 (y_hat = 69); PyTorch's overflow from 89 on in float32.
    eps > 0 is used with log_input=False only (PyTorch: 1e-8, Keras: 1e-7). The input of metrics is
    link(y_hat) = r, the expected count.

    Raises ArgumentError if eps is outside its range, DataError unless y >= 0; see Loss.

    Source: Nelder & Wedderburn, "Generalized linear models", 1972.

    >>> import numpy as np
    >>> PoissonNLL()(np.asarray([[0.0], [1.0]]), np.asarray([3, 0])).round(3)
    array([1.   , 2.718])
    """

    eps = Option(check_number, 0, 1, open_low=True)

    def __init__(self, *, log_input: bool = True, eps: float = 1e-8) -> None:
        self.log_input, self.eps = log_input, eps

    def check_targets(self, y: Array, y_hat_shape: tuple[int, ...] | None = None) -> None:  # noqa: ARG002
        """Raise DataError unless y >= 0."""
        advice = "Counts of events are not negative; for other numbers use MSE."
        refuse("PoissonNLL", y, ~(y >= 0), "numbers >= 0", advice)

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return r - y log r."""
        if self.log_input:
            return self.link(y_hat) - y * bounded(y_hat)
        return y_hat - y * array_namespace(y_hat).log(y_hat + self.eps)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return r - y for log r, 1 - y / (r + eps) for r."""
        return self.link(y_hat) - y if self.log_input else 1 - y / (y_hat + self.eps)

    def link(self, y_hat: Array) -> Array:
        """Return the rate r."""
        xp = array_namespace(y_hat)
        return xp.exp(xp.minimum(y_hat, _LOG_LARGE)) if self.log_input else y_hat
