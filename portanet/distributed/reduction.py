"""Reduction: an all-reduce as a pure function, which leaves its argument as it is."""

import numpy as np

from portanet.backends import backend_of
from portanet.distributed.communicator import Communicator
from portanet.typing import Array


class Reduction:
    """Calls a communicator's all_reduce with an array of its own for the result.

    n_calls, n_bytes  how often it was called, and how many bytes of each rank it has reduced
    """

    def __init__(self, communicator: Communicator) -> None:
        self.communicator = communicator
        self.n_calls = self.n_bytes = 0

    def __call__(self, x: Array, how: str = "sum", out: Array | None = None) -> Array:
        """Return the sum over all ranks, or the largest, in `out` or in an array of its own."""
        x = self._contiguous(x)
        self.n_calls += 1
        self.n_bytes += x.nbytes
        return self.communicator.all_reduce(
            x, how, backend_of(x).xp.empty_like(x) if out is None else out
        )

    def _contiguous(self, x: Array) -> Array:
        if isinstance(x, np.ndarray | np.generic):
            return np.asarray(x, order="C")
        return backend_of(x).xp.ascontiguousarray(x)
