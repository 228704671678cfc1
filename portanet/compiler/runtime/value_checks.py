"""Labels and indices in direct calls of a compiled step: looked at where they lie on the host.

A readable step looks at them each time. Training comes back to the same batches epoch after epoch,
so what was found right is remembered by its bytes, and looked up in a fraction of the time. On a
device the look would make the host wait: it is taken once for batches of a shape.
"""

from typing import Any

import numpy as np

from portanet.layer import Sequential
from portanet.typing import Array

_LARGEST = 16_384  # bytes of an array that is remembered
_MOST = 4096  # arrays


class ValueChecks:
    """Remembers which targets and indices make sense to a model.

    `learn` is told the shape of the model's output once a step with such a batch has been taken as
    it is written, which has looked at everything.
    """

    def __init__(self, model: Sequential) -> None:
        self.model = model
        self._shapes: dict[Any, tuple[int, ...]] = {}
        self._right: set[tuple[Any, bytes]] = set()

    def knows(self, x: Array, y: Array) -> bool:
        """Return whether a step with such a batch has been taken as it is written."""
        return _key(x, y) in self._shapes

    def learn(self, x: Array, y: Array, y_hat_shape: tuple[int, ...]) -> None:
        """Remember the shape of the output for batches like this."""
        self._shapes[_key(x, y)] = y_hat_shape

    def check(self, x: Array, y: Array) -> None:
        """Raise DataError if a target or an index is out of its range."""
        shape = self._shapes.get(_key(x, y))
        if shape is None or not isinstance(y, np.ndarray):
            return
        if x.dtype.kind != "f" and not self._is_right(x, shape, "x"):
            self.model.check_values(x)
            self._remember(x, shape, "x")
        if not self._is_right(y, shape, "y"):
            self.model.criterion.check_targets(y, shape)
            self._remember(y, shape, "y")

    def _is_right(self, array: np.ndarray, shape: Any, name: str) -> bool:
        if array.nbytes > _LARGEST:
            return False
        return ((name, shape, array.dtype), array.tobytes()) in self._right

    def _remember(self, array: np.ndarray, shape: Any, name: str) -> None:
        if len(self._right) >= _MOST:
            self._right.clear()
        if array.nbytes <= _LARGEST:
            self._right.add(((name, shape, array.dtype), array.tobytes()))


def _key(x: Array, y: Array) -> Any:
    return type(x), x.shape, y.shape, x.dtype, y.dtype  # types first: dtypes of two libraries warn
