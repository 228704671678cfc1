"""Labels and indices in direct calls of a compiled step: looked at where they lie on the host.

A readable step looks at them each time. Training comes back to the same batches epoch after epoch,
so what was found right is remembered by its bytes, and looked up in a fraction of the time. On a
device the look would make the host wait: it is taken once for batches of a shape.
"""

from typing import Any

import numpy as np

from portanet.sequential import Sequential
from portanet.several import Arrays, parts_of, unweighted

_LARGEST = 16_384  # bytes of an array that is remembered
_MOST = 4096  # arrays


class ValueChecks:
    """The look at targets and indices in batches of one shape, whose outputs have a shape."""

    def __init__(self, model: Sequential, y_hat_shape: Any) -> None:
        self._model, self._shape = model, y_hat_shape
        self._right_x: set[bytes] = set()
        self._right_y: set[bytes] = set()

    def check(self, x: Arrays, y: Arrays) -> None:
        """Raise DataError if a target or an index is out of its range."""
        if self._is_known(x, y):
            return
        targets = parts_of(y)
        if not isinstance(targets[0], np.ndarray):
            return
        if not _remembered(targets, self._right_y):
            self._model.criterion.check_targets(unweighted(y)[0], self._shape)
            _remember(targets, self._right_y)
        indices = [part for part in parts_of(x) if part.dtype.kind != "f"]
        if indices and not _remembered(indices, self._right_x):
            self._model.check_values(x)
            if isinstance(x, dict):  # side inputs are looked at in a forward pass
                self._model.forward(x)
            _remember(indices, self._right_x)

    def _is_known(self, x: Arrays, y: Arrays) -> bool:
        """Return whether x is one array of floats and y one that was right: as a rule they are."""
        if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)) or x.dtype.kind != "f":
            return False
        return y.nbytes <= _LARGEST and y.tobytes() in self._right_y


def _remembered(arrays: list[np.ndarray], right: set[bytes]) -> bool:
    return sum(a.nbytes for a in arrays) <= _LARGEST and _bytes(arrays) in right


def _remember(arrays: list[np.ndarray], right: set[bytes]) -> None:
    if len(right) >= _MOST:
        right.clear()
    if sum(array.nbytes for array in arrays) <= _LARGEST:
        right.add(_bytes(arrays))


def _bytes(arrays: list[np.ndarray]) -> bytes:
    return arrays[0].tobytes() if len(arrays) == 1 else b"".join(a.tobytes() for a in arrays)
