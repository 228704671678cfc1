"""Packing of blocks with known lifetimes into one arena."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

import numpy as np

ALIGNMENT = 64  # bytes: a cache line, and the longest vector registers
# bytes between two blocks: NumPy before 2.1 treats adjacent arrays as overlapping, and computes
# exp, log and tanh without SIMD, 25 times slower and with different last bits
GAP = 1


@dataclass(eq=False)
class Block:
    """A buffer for one value, or for several in turn, in use from unit `birth` to unit `death`.

    `home` names the state whose memory it is; None: it is a part of the arena, at `offset`.
    """

    n_bytes: int
    home: str | None = None
    birth: float = inf
    death: float = -inf
    offset: int = 0

    def use(self, start: float, end: float) -> None:
        """Extend the lifetime to units `start` to `end`."""
        self.birth, self.death = min(self.birth, start), max(self.death, end)


def pack(blocks: Iterable[Block]) -> int:
    """Assign offsets to the blocks of the arena; return the arena's size in bytes.

    Blocks with overlapping lifetimes must not overlap in memory. They are placed from the largest
    to the smallest, each at the lowest free offset: within a few percent of the optimum.

    offset
      |     +--- B ---+
      |  +------ A ------+  +-- C --+       A and C share memory: their lifetimes are disjoint
      +------------------------------ unit

    Source: Pisarchyk & Lee, "Efficient memory management for deep neural net inference", 2020,
    section 5.2 (greedy by size).
    """
    in_arena = sorted((b for b in blocks if b.home is None), key=lambda b: -b.n_bytes)
    placed, end = np.empty((4, len(in_arena))), 0  # births, deaths, begins, stops; by begin
    for n, block in enumerate(in_arena):
        births, deaths, begins, stops = placed[:, :n]
        meets = (births <= block.death) & (deaths >= block.birth)
        block.offset = _lowest_gap(begins[meets], stops[meets], block.n_bytes)
        at = np.searchsorted(begins, block.offset)
        placed[:, at + 1 : n + 1] = placed[:, at:n]
        stop = rounded_up(block.offset + block.n_bytes + GAP)
        placed[:, at] = block.birth, block.death, block.offset, stop
        end = max(end, block.offset + block.n_bytes)
    return rounded_up(end)


def rounded_up(n_bytes: int) -> int:
    """Return the next multiple of the alignment.

    >>> rounded_up(1), rounded_up(64)
    (64, 64)
    """
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT


def _lowest_gap(begins: np.ndarray, stops: np.ndarray, n_bytes: int) -> int:
    """Return the lowest offset with n_bytes free between blocks that are sorted by begin."""
    free = np.concatenate(([0], np.maximum.accumulate(stops)))
    fits = np.append(free[:-1] + n_bytes < begins, True)
    return int(free[fits.argmax()])
