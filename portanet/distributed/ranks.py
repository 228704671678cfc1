"""Ranks: which rows of a batch each rank has."""

import numpy as np

from portanet.distributed.communicator import Communicator
from portanet.distributed.reduction import Reduction
from portanet.joined import Share


class Ranks:
    """Cuts batches into contiguous parts, one for each rank, as even as can be.

    The first ranks have a row more where the number of ranks does not divide the batch, so rank 0
    always has one, and a rank may have none.

    >>> from portanet.distributed import Alone
    >>> Ranks(Alone()).own(slice(10, 14))
    slice(10, 14, None)
    """

    def __init__(self, communicator: Communicator) -> None:
        self.communicator, self.reduction = communicator, Reduction(communicator)

    def own(self, part: slice) -> slice:
        """Return this rank's part of a slice of an epoch's order."""
        start, stop = self._bounds(part.stop - part.start)
        return slice(part.start + start, part.start + stop)

    def share(self, n: int) -> Share:
        """Return this rank's share of a batch of n rows."""
        start, stop = self._bounds(n)
        return Share(n, start, stop, self.reduction, self._of_host, self.communicator.size)

    def _of_host(self, numbers: np.ndarray, how: str) -> np.ndarray:
        return self.communicator.of_host(numbers, how)

    def _bounds(self, n: int) -> tuple[int, int]:
        rank, (each, rest) = self.communicator.rank, divmod(n, self.communicator.size)
        start = rank * each + min(rank, rest)
        return start, start + each + (rank < rest)
