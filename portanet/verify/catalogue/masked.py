"""WithLengths and WithMask: a layer with lengths or a padding mask of its own."""

from typing import Any

import numpy as np

from portanet.backends import array_namespace
from portanet.layer import Buffer, Layer
from portanet.typing import Array

LENGTHS = np.array([2, 3, 1])
MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
MASK_AFTER = np.array([[1, 1, 0], [1, 0, 1]], bool)  # every token sees the first one


class WithLengths(Layer):
    """A recurrent layer on sequences of given lengths."""

    def __init__(self, layer: Any, lengths: np.ndarray = LENGTHS) -> None:
        self.layer, self.lengths = layer, Buffer(lengths)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the layer's output for sequences of these lengths."""
        if training:
            self._saved = True
        lengths = self.lengths.value[: x.shape[0]]
        return self.layer.forward(x, lengths=lengths, training=training)

    def backward(self, grad: Array) -> Array:
        """Return dL/dx."""
        self._take_saved()
        return self.layer.backward(grad)


class WithMask(WithLengths):
    """An attention layer on tokens some of which are padding, whose outputs nobody uses."""

    def __init__(self, layer: Any, mask: np.ndarray = MASK) -> None:
        super().__init__(layer, mask)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the layer's output, 0 at padding."""
        if training:
            self._saved = True
        y = self.layer.forward(x, padding_mask=self.mask(x), training=training)
        return array_namespace(x).where(self.mask(x)[:, :, None], y, 0)

    def backward(self, grad: Array) -> Array:
        """Return dL/dx."""
        self._take_saved()
        grad = array_namespace(grad).where(self.mask(grad)[:, :, None], grad, 0)
        return self.layer.backward(grad)

    def mask(self, x: Array) -> Array:
        """Return which tokens of the samples of x are no padding."""
        return self.lengths.value[: x.shape[0], :]
