"""The cosine loss: the angle between two vectors."""

from typing import Any

from portanet.backends import array_namespace
from portanet.checks import short
from portanet.errors import ArgumentError
from portanet.loss import Loss
from portanet.typing import Array

_SHORTEST = 1e-8  # an output of at most this length has no gradient


class Cosine(Loss):
    """l = 1 - cos(y_hat, y) = 1 - a·b / (|a| |b|), for the vectors a, b along the last axis.

    Shapes: y_hat (N, ..., n), y alike; l (N,), in [0, 2], the mean over a sample's vectors.

    dl/da = -(b/|b| - cos(a, b) a/|a|) / |a|: the component of b/|b| orthogonal to a.

    A vector of zeros has no direction: its cosine is 0. (Numbers below the smallest normal one are
    0, too, on GPUs and in JAX.) An output of at most length 1e-8 has the
    gradient 0, so that none of 1e8 is caused near 0. (PyTorch's CosineEmbeddingLoss with target 1
    is this loss, but for vectors shorter than its eps, 1e-8, whose cosine is smaller there; there
    is no counterpart of its target -1. Keras' CosineSimilarity is -cos: one less, the same
    gradient.)

    The learning-rate schedule of the same name is portanet.schedules.Cosine.

    Raises ArgumentError for any argument; else see Loss.

    Source: Salton, Wong & Yang, "A vector space model for automatic indexing", 1975.

    >>> import numpy as np
    >>> Cosine()(np.asarray([[1.0, 0.0], [1.0, 0.0]]), np.asarray([[5.0, 0.0], [0.0, 2.0]]))
    array([0., 1.])
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if arguments or options:
            raise ArgumentError(
                f"Cosine: the loss takes no arguments, got {short([*arguments, *options.values()])}"
                "; the learning-rate schedule of this name is portanet.schedules.Cosine"
            )

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return 1 - cos, the last axis kept with length 1."""
        (a, _), (b, _), xp = _direction(y_hat), _direction(y), array_namespace(y_hat)
        distance = 1 - xp.sum(a * b, axis=-1, keepdims=True)
        return xp.minimum(xp.maximum(distance, 0), 2)  # rounding may leave [0, 2]

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return -(b/|b| - cos a/|a|) / |a|."""
        (a, inverse_length), (b, _) = _direction(y_hat), _direction(y)
        cosine = array_namespace(y_hat).sum(a * b, axis=-1, keepdims=True)
        return (cosine * a - b) * inverse_length


def _direction(x: Array) -> tuple[Array, Array]:
    """Return x / |x|, 0 for a vector of zeros, and 1 / |x|, 0 for one of at most length 1e-8.

    The numbers are divided by the largest first, as a square leaves float32's range at 2e19.
    """
    xp = array_namespace(x)
    largest = xp.max(xp.abs(x), axis=-1, keepdims=True)
    # the root of the scale: 1 / scale may be denormal
    root = xp.sqrt(xp.where(largest > 0, largest, xp.ones_like(largest)))
    scaled = x / root / root
    norm = xp.sqrt(xp.sum(scaled * scaled, axis=-1, keepdims=True))  # |x| / largest
    norm = xp.maximum(norm, 1)
    long = xp.minimum(largest, 1) * norm > _SHORTEST
    root = xp.where(long, root, xp.ones_like(root))
    return scaled / norm, xp.where(long, 1 / root / root / norm, 0)
