"""Labels and indices in direct calls of a compiled step: looked at where they lie on the host.

A readable step looks at them each time. Training comes back to the same batches epoch after epoch,
so what was found right is remembered by its bytes, and looked up in a fraction of the time. On a
device the look would make the host wait: it is taken once for batches of a shape.
"""

import numpy as np

from portanet.sequential import Sequential
from portanet.typing import Array

_LARGEST = 16_384  # bytes of an array that is remembered
_MOST = 4096  # arrays


class ValueChecks:
    """The look at targets and indices in batches of one shape, whose outputs have a shape."""

    def __init__(self, model: Sequential, y_hat_shape: tuple[int, ...]) -> None:
        self._model, self._shape = model, y_hat_shape
        self._right_x: set[bytes] = set()
        self._right_y: set[bytes] = set()

    def check(self, x: Array, y: Array) -> None:
        """Raise DataError if a target or an index is out of its range."""
        if not isinstance(y, np.ndarray):
            return
        if y.nbytes > _LARGEST or y.tobytes() not in self._right_y:
            self._model.criterion.check_targets(y, self._shape)
            _remember(y, self._right_y)
        if x.dtype.kind != "f" and (x.nbytes > _LARGEST or x.tobytes() not in self._right_x):
            self._model.check_values(x)
            _remember(x, self._right_x)


def _remember(array: np.ndarray, right: set[bytes]) -> None:
    if len(right) >= _MOST:
        right.clear()
    if array.nbytes <= _LARGEST:
        right.add(array.tobytes())
