"""How well a network does, in numbers for people. Metrics are computed on the device.

A metric is a function of predictions (what the loss's `link` makes of the network's outputs:
probabilities) and targets, over a whole data set, that returns a 0-d array.
"""

from portanet.backends import array_namespace
from portanet.errors import ShapeError
from portanet.loss import as_column
from portanet.typing import Array


def accuracy(y_hat: Array, y: Array) -> Array:
    """Return the share of samples that are predicted right, in [0, 1], as a 0-d array.

    Shapes: y_hat (N, 1) or (N,) of probabilities, right if (y_hat > 0.5) == y with y alike; or
    y_hat (N, C) of one score per class, right if the largest is at y, with y (N,).

    Raises ShapeError if y does not belong to y_hat.

    >>> import numpy as np
    >>> float(accuracy(np.asarray([[0.9], [0.2], [0.6]]), np.asarray([1, 0, 0]))) == 2 / 3
    True
    """
    xp = array_namespace(y_hat)
    if y_hat.ndim == 2 and y_hat.shape[1] > 1:
        if tuple(y.shape) != (y_hat.shape[0],):
            raise ShapeError(
                f"accuracy: for scores {tuple(y_hat.shape)} y must be ({y_hat.shape[0]},), class "
                f"indices, is {tuple(y.shape)}"
            )
        right = xp.astype(xp.argmax(y_hat, axis=1), y.dtype) == y
    else:
        y = as_column("accuracy", y_hat, y)
        right = xp.astype(y_hat > 0.5, y.dtype) == y
    return xp.mean(xp.astype(right, y_hat.dtype))
