"""Losses for regression."""

from typing import Any

from portanet.backends import array_namespace
from portanet.checks import check_number
from portanet.loss import Loss
from portanet.options import Option
from portanet.typing import Array


class MSE(Loss):
    """l = (y_hat - y)², the squared error.

    Shapes: y_hat (N, ...), y alike, or (N,) for y_hat (N, 1); l (N,), the mean over a sample.

    dl/dy_hat = 2 (y_hat - y): the power rule. (Some books halve l; PyTorch and Keras do not.)

    Raises: see Loss.

    Source: Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805.

    >>> import numpy as np
    >>> MSE()(np.asarray([[1.0], [4.0]]), np.asarray([1.0, 2.0]))
    array([0., 4.])
    """

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return (y_hat - y)²."""
        difference = y_hat - y
        return difference * difference

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return 2 (y_hat - y)."""
        return 2 * (y_hat - y)


class MAE(Loss):
    """l = |y_hat - y|, the absolute error.

    Shapes: y_hat (N, ...), y alike, or (N,) for y_hat (N, 1); l (N,), the mean over a sample.

    dl/dy_hat = sign(y_hat - y), which is 0 at the kink, as in PyTorch (L1Loss).

    Raises: see Loss.

    Source: Laplace, "Sur quelques points du système du monde", 1789 (after Boscovich).

    >>> import numpy as np
    >>> MAE()(np.asarray([[1.0], [4.0]]), np.asarray([1.0, 2.0]))
    array([0., 2.])
    """

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return |y_hat - y|."""
        return array_namespace(y_hat).abs(y_hat - y)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return sign(y_hat - y)."""
        return array_namespace(y_hat).sign(y_hat - y)


def _check_delta(who: str, name: str, delta: Any) -> float:
    if isinstance(delta, float) and delta == float("inf"):
        return delta  # half the square everywhere
    return check_number(who, name, delta, 0, float("inf"), open_low=True)


class Huber(Loss):
    """l = d²/2 where |d| <= delta, else delta (|d| - delta/2), with d = y_hat - y.

    Squared near the target, absolute far from it, so that outliers have gradients of at most delta.
    With m = min(|d|, delta) both cases are l = m (|d| - m/2).
    Shapes: y_hat (N, ...), y alike, or (N,) for y_hat (N, 1); l (N,), the mean over a sample.

    dl/dy_hat = d, clipped to [-delta, delta].

    delta > 0 is in the units of y; infinity gives MSE / 2.

    Raises ArgumentError if delta is outside its range; see Loss.

    Source: Huber, "Robust estimation of a location parameter", 1964. As in PyTorch and Keras.

    >>> import numpy as np
    >>> Huber(delta=1.0)(np.asarray([[0.5], [3.0]]), np.asarray([0.0, 0.0]))
    array([0.125, 2.5  ])
    """

    delta = Option(_check_delta)

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return m (|d| - m/2), m = min(|d|, delta)."""
        xp = array_namespace(y_hat)
        distance = xp.abs(y_hat - y)
        near = xp.minimum(distance, self.delta)
        return near * (distance - near / 2)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return y_hat - y, clipped to [-delta, delta]."""
        xp = array_namespace(y_hat)
        return xp.minimum(xp.maximum(y_hat - y, -self.delta), self.delta)


class SmoothL1(Loss):
    """l = d²/(2 beta) where |d| <= beta, else |d| - beta/2, with d = y_hat - y.

    It is Huber(delta=beta) / beta: its slope far from the target is 1 for every beta.
    Shapes: y_hat (N, ...), y alike, or (N,) for y_hat (N, 1); l (N,), the mean over a sample.

    dl/dy_hat = d / beta, clipped to [-1, 1].

    beta > 0 is in the units of y. (PyTorch accepts 0 as well, which is MAE.)

    Raises ArgumentError if beta is outside its range; see Loss.

    Source: Girshick, "Fast R-CNN", 2015, equation 3, with beta = 1.

    >>> import numpy as np
    >>> SmoothL1(beta=2.0)(np.asarray([[1.0], [3.0]]), np.asarray([0.0, 0.0]))
    array([0.25, 2.  ])
    """

    beta = Option(check_number, 0, 1e30, open_low=True)

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return m/beta (|d| - m/2), m = min(|d|, beta)."""
        xp = array_namespace(y_hat)
        distance = xp.abs(y_hat - y)
        near = xp.minimum(distance, self.beta)
        return near / self.beta * (distance - near / 2)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return (y_hat - y) / beta, clipped to [-1, 1]."""
        xp = array_namespace(y_hat)
        return xp.minimum(xp.maximum(y_hat - y, -self.beta), self.beta) / self.beta
