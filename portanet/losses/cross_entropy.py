"""Cross entropy: on logits (recommended), and on log-probabilities."""

from collections.abc import Sequence

from portanet.backends import array_namespace
from portanet.checks import check_number
from portanet.errors import ShapeError
from portanet.layers.softmax import log_softmax, softmax
from portanet.losses._bounded import bounded
from portanet.losses.classes import _Classes
from portanet.options import Option
from portanet.typing import Array


class CrossEntropy(_Classes):
    """l = -log p_y, p = softmax(z), z = y_hat logits; with probabilities q as targets -sum q log p.

    Shapes: y_hat (N, C) or (N, L, C), classes along the last axis (axis=1 for images (N, C, H, W)
    and for PyTorch's layout), C >= 2; y the same without the classes' axis, integers, or
    probabilities (floats) in y_hat's shape; l (N,), the mean over a sample's positions.

    With masses q (one-hot for an index) the gradient is dl/dz = p sum(q) - q: log p_c = z_c -
    log sum exp(z), and the derivative of the latter is p.

    label_smoothing e in [0, 1) distributes e of each target over all classes: (1 - e) q + e / C.
    class_weights w: the coefficient of -log p_c is w_c, and a target y has the weight w_y in the
    mean. ignore_index: targets with this index have loss 0 and weight 0. Probabilities always have
    the weight 1, as in PyTorch. A batch of weight 0 has the loss 0 and the gradient 0 (PyTorch:
    NaN).

    Logits are clipped to [-2^100, 2^100] (1.3e30), so that -inf (a masked class) and inf give
    limits instead of NaN; the loss of a masked target is 1.3e30, where PyTorch's is inf. (PyTorch
    ignores the index -100 by default; Keras takes probabilities unless from_logits=True.) The input
    of metrics is link(z) = softmax(z).

    Raises DataError for indices outside 0 ... C - 1 and for probabilities that are negative or do
    not sum to 1 (within 1e-3), ArgumentError for options outside their range; see Loss.

    Source: label smoothing: Szegedy et al., "Rethinking the Inception architecture", 2016,
    section 7.

    >>> import numpy as np
    >>> CrossEntropy()(np.asarray([[0.0, 0.0], [0.0, 1e4]]), np.asarray([1, 0])).round(3)
    array([6.93e-01, 1.00e+04])
    """

    expects = "logits"
    label_smoothing = Option(check_number, 0, 1 - 2**-10)

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        ignore_index: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(class_weights, ignore_index, axis)
        self.label_smoothing = label_smoothing

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return -sum q log p, the classes' axis kept with length 1."""
        q, total = self._masses(y_hat, y)
        log_p = log_softmax(self._counted(bounded(y_hat), total), self.axis)
        return -array_namespace(q).sum(q * log_p, axis=self.axis, keepdims=True)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return p sum(q) - q."""
        q, total = self._masses(y_hat, y)
        return self.link(self._counted(y_hat, total)) * total - q

    def link(self, y_hat: Array) -> Array:
        """Return softmax(z), the probabilities."""
        return softmax(bounded(y_hat), self.axis)

    def _masses(self, y_hat: Array, y: Array) -> tuple[Array, Array]:
        """Return the masses q, and their sum over the classes."""
        q = self.masses(y_hat, y, self.label_smoothing)
        return q, array_namespace(q).sum(q, axis=self.axis, keepdims=True)

    def _counted(self, y_hat: Array, total: Array) -> Array:
        """Return y_hat with 0 where the mass is 0: a NaN there times 0 would be NaN."""
        if self.ignore_index is None and self.class_weights is None:
            return y_hat
        return array_namespace(total).where(total != 0, y_hat, 0)

    _advice = "; one-hot targets and probabilities must be floats in y_hat's shape"

    def _check_soft(
        self, shape: tuple[int, ...], y_hat_shape: tuple[int, ...] | None, dtype: str
    ) -> None:
        fits = len(shape) > 1 if y_hat_shape is None else shape[1:] == y_hat_shape[1:]
        if not fits or (y_hat_shape is not None and len(shape) != len(y_hat_shape)):
            raise ShapeError(
                "CrossEntropy: y must be integers (class indices), or probabilities in the shape "
                f"of y_hat{f' {y_hat_shape}' if y_hat_shape else ''}, is {dtype} {shape}; cast "
                "indices with astype('int64')"
            )


class NLL(_Classes):
    """l = -log p_y, y_hat log-probabilities: LogSoftmax before this loss makes CrossEntropy.

    Shapes: y_hat (N, C) or (N, L, C), classes along the last axis (axis=1 for images), C >= 2; y
    the same without the classes' axis, integers; l (N,), the mean over a sample's positions.

    dl/dy_hat = -1 at class y, 0 elsewhere (times the weight of y).

    class_weights and ignore_index as in CrossEntropy. The loss of a target of probability 0 (-inf)
    is inf. The input of metrics is link(y_hat) = exp(y_hat).

    Raises DataError for indices outside 0 ... C - 1, ArgumentError for invalid options; see Loss.

    Source: Fisher, "On the mathematical foundations of theoretical statistics", 1922.

    >>> import numpy as np
    >>> NLL()(np.log(np.asarray([[0.5, 0.5], [0.25, 0.75]])), np.asarray([1, 0])).round(3)
    array([0.693, 1.386])
    """

    expects = "log-probabilities"

    def __init__(
        self,
        *,
        class_weights: Sequence[float] | None = None,
        ignore_index: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(class_weights, ignore_index, axis)

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return -y_hat at class y, the classes' axis kept with length 1."""
        xp, q = array_namespace(y_hat), self.masses(y_hat, y)
        chosen = xp.where(q > 0, y_hat, xp.zeros_like(y_hat))  # 0 times -inf is NaN
        return -xp.sum(q * chosen, axis=self.axis, keepdims=True)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return -1 at class y."""
        return -self.masses(y_hat, y)

    def link(self, y_hat: Array) -> Array:
        """Return exp(y_hat), the probabilities."""
        return array_namespace(y_hat).exp(y_hat)
