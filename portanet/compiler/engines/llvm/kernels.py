"""Kernel: machine code and the table of its arguments."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

_A_CHUNK = 2**17  # numbers: some tens of microseconds
_MOST_CHUNKS = 64
_TOGETHER = 16  # passes of a vector


@dataclass(frozen=True)
class Kernel:
    """One call in a plan.

    text   what is compiled
    table  8 bytes for each argument
    name   the function in the text
    kept   arrays that the table has addresses of, and that nobody else keeps
    length how many passes its outer loop has, if threads may share them
    size   how many numbers it goes over
    n_chunks  in how many chunks, where that is not for the size to say
    """

    text: str
    table: np.ndarray
    name: str = "kernel"
    kept: list[Any] = field(default_factory=list)
    length: int = 0
    size: int = 0
    n_chunks: int = 0

    @property
    def chunks(self) -> tuple[int, int]:
        """In how many chunks the outer loop is shared, and how long they are.

        It depends on the sizes alone, and the passes do not depend on each other: so results are
        the same for any number of threads. (Only those of BLAS are not.)
        """
        n = self.n_chunks or min(self.length, self.size // _A_CHUNK, _MOST_CHUNKS)
        if n < 2:
            return 1, self.length
        length = -(-self.length // n)
        length += -length % _TOGETHER if length > _TOGETHER and not self.n_chunks else 0
        return -(-self.length // length), length
