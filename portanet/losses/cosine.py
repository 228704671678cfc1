"""The cosine loss: do two vectors point the same way?"""

from portanet.backends import array_namespace
from portanet.loss import Loss
from portanet.typing import Array

_SHORTEST = 1e-8  # a vector below this length has no direction


class Cosine(Loss):
    """l = 1 - cos(y_hat, y) = 1 - a·b / (|a| |b|), for the vectors a, b along the last axis.

    Shapes: y_hat (N, ..., n), y alike; l (N,), in [0, 2], the mean over a sample's vectors.

    dl/da = -(b/|b| - cos(a, b) a/|a|) / |a|: what of b's direction is not a's own.

    A vector shorter than 1e-8 (PyTorch's eps) has no direction: its cosine is 0 and so is its
    gradient, so that a dead layer before this loss gets no gradient of 1e8. (PyTorch's
    CosineEmbeddingLoss with target 1 is this loss; its target -1, for pairs that shall differ, has
    no equal here. Keras' CosineSimilarity is -cos: one less, the same gradient.)

    Raises what Loss raises.

    Source: Salton, Wong & Yang, "A vector space model for automatic indexing", 1975.

    >>> import numpy as np
    >>> Cosine()(np.asarray([[1.0, 0.0], [1.0, 0.0]]), np.asarray([[5.0, 0.0], [0.0, 2.0]]))
    array([0., 1.])
    """

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return 1 - cos, the last axis kept with length 1."""
        a, b = _direction(y_hat)[0], _direction(y)[0]
        return 1 - array_namespace(y_hat).sum(a * b, axis=-1, keepdims=True)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return -(b/|b| - cos a/|a|) / |a|."""
        (a, length), (b, _) = _direction(y_hat), _direction(y)
        xp = array_namespace(y_hat)
        cosine = xp.sum(a * b, axis=-1, keepdims=True)
        gradient = (cosine * a - b) / length
        return xp.where(length > _SHORTEST, gradient, xp.zeros_like(gradient))


def _direction(x: Array) -> tuple[Array, Array]:
    """Return x / |x| (zeros for a vector without direction) and |x|, at least 1e-8."""
    xp = array_namespace(x)
    length = xp.maximum(xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True)), _SHORTEST)
    return xp.where(length > _SHORTEST, x / length, xp.zeros_like(x)), length
