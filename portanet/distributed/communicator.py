"""Communicator: what ranks need of each other, and Alone, the one of a program without others."""

from typing import Any

import numpy as np

from portanet.errors import ArgumentError
from portanet.typing import Array

HOWS = ("sum", "max")


class Communicator:
    """The ranks of a program that train one model: processes, each with a part of every batch.

    rank  the number of this one, 0 … size - 1
    size  how many there are
    kind  in a word or two, how they communicate

    Every method is collective: all ranks call it, in the same order, with arrays of one shape and
    dtype; it returns when this rank has what it asked for. A subclass defines the three that raise
    NotImplementedError.
    """

    rank: int = 0
    size: int = 1
    kind: str = ""

    def all_reduce(self, x: Array, how: str = "sum", out: Array | None = None) -> Array:
        """Write the sum (or "max", the largest) of all ranks' x into `out`, else into x; return it.

        Shape: x and out alike, any, contiguous. All ranks get the same bits.

        Raises PlacementError if x does not lie where this communicator works.
        """
        raise NotImplementedError

    def broadcast(self, x: Array) -> Array:
        """Write the x of rank 0 into the x of all others; return it."""
        raise NotImplementedError

    def abort(self, why: str) -> None:
        """Say why, and end all ranks at once with a status that is not 0."""
        raise NotImplementedError

    def barrier(self) -> None:
        """Wait until all ranks have come here."""
        self.of_host(np.zeros(1))

    def of_host(self, numbers: np.ndarray, how: str = "sum") -> np.ndarray:
        """Return the sums of float64 numbers that lie on the host."""
        return self.all_reduce(np.array(numbers, np.float64), how)

    def text_of_rank_0(self, text: str) -> str:
        """Return the text that rank 0 gives; what the others give is not looked at."""
        data = np.frombuffer(text.encode(), np.uint8).astype(np.float64)
        n = int(self.of_host(np.array([len(data) if self.rank == 0 else 0]))[0])
        own = data if self.rank == 0 else np.zeros(n)
        return bytes(self.of_host(own).astype(np.uint8)).decode()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rank {self.rank} of {self.size})"

    def __getstate__(self) -> dict[str, Any]:
        raise ArgumentError(f"{type(self).__name__}: a communicator belongs to one process")


class Alone(Communicator):
    """One rank, which has nobody to wait for.

    >>> Alone().all_reduce(np.asarray([1.0, 2.0]))
    array([1., 2.])
    """

    kind = "alone"

    def all_reduce(self, x: Array, how: str = "sum", out: Array | None = None) -> Array:
        """Return x, or a copy of it in `out`."""
        check_how(how)
        if out is None:
            return x
        out[...] = x
        return out

    def broadcast(self, x: Array) -> Array:
        """Return x."""
        return x

    def abort(self, why: str) -> None:
        """End the program with the status 1."""
        raise SystemExit(why)


def check_how(how: str) -> str:
    """Return how. Raises ArgumentError unless it is "sum" or "max"."""
    if how not in HOWS:
        raise ArgumentError(f"all_reduce: how must be one of {', '.join(HOWS)}, is {how!r}")
    return how
