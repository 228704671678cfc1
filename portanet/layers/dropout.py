"""Dropout."""

from typing import Any

from portanet.backends import array_namespace
from portanet.checks import check_number
from portanet.draws import dropout_mask
from portanet.layer import Layer
from portanet.random import next_key
from portanet.typing import Array


class Dropout(Layer):
    """y = x / (1 - p) where kept, 0 where dropped; with training=False y = x.

    Shapes: x and y alike, any.

    dy/dx = 1 / (1 - p) where kept, 0 where dropped. Each number is dropped independently with
    probability p, and dividing by 1 - p ("inverted" dropout) keeps the expectation of y at x.

    p is the probability to drop, in [0, 1). (PyTorch allows 1 as well, which drops everything.)

    The mask comes from a random stream of this layer: its `key`, assigned when the layer is made
    (`portanet.seed` restarts the keys), and its `step`, the number of training forwards so far. So
    the mask is the same on every backend and in every dtype, a copy of the layer continues like the
    original, and so does a resumed run with `step` restored. On CuPy it is drawn on the device;
    elsewhere the host draws it and copies a byte for each number of x.

    Raises ArgumentError unless p is a number in [0, 1).

    Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout: a simple way to
    prevent neural networks from overfitting", 2014, section 10 (the inverted form).

    >>> import numpy as np, portanet
    >>> portanet.seed(0)
    >>> Dropout(0.5).forward(np.ones((2, 6)), training=True)
    array([[2., 2., 2., 2., 0., 2.],
           [2., 0., 0., 2., 0., 2.]])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_number("Dropout", "p", p, 0, 1, open_high=True)
        self.key, self.step = next_key("dropout"), 0

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x with dropout applied if training; else x."""
        if not training:
            return x
        self._saved = kept = dropout_mask(self._next_position, self.p, x)
        return self._drop(x, kept)

    def backward(self, grad: Array) -> Array:
        """Return grad / (1 - p) where kept, else 0."""
        return self._drop(grad, self._take_saved())

    def _next_position(self) -> Any:
        """Return where the next mask begins in this layer's stream."""
        self.step += 1
        return self.key.position(self.step - 1)

    def _drop(self, x: Array, kept: Array) -> Array:
        # `where`, as the product of a dropped inf with 0 would be NaN
        return array_namespace(x).where(kept, x * (1 / (1 - self.p)), 0)

    def __repr__(self) -> str:
        return f"Dropout({self.p:g})"
