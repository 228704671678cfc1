"""SampleDraws: the random numbers of a batch's samples, each from a stream of its own.

What a sample draws depends on (seed, epoch, number of the sample, which transform) and on nothing
else: so it is the same on every backend, in batches of any size, with any number of workers, and
after a resume.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from portanet.random import Block, Key, generator_at, generators_at
from portanet.typing import Rng

# A sample's stream has 2**64 blocks of Philox: bits 32 … 39 of a block's number say which transform
# draws, those above how often the sample has come before in this epoch.
_TRANSFORM, _TIME = 32, 40
MAX_TRANSFORMS = 2 ** (_TIME - _TRANSFORM)


class SampleDraws(NamedTuple):
    """Where the streams of a batch's samples are.

    numbers  of the samples in the data set, (n,)
    times    how often each has come before in this epoch, (n,); None: it comes once
    """

    key: Key
    epoch: int
    numbers: np.ndarray
    times: np.ndarray | None = None

    def of_sample(self, i: int, transform: int = 0) -> Rng:
        """Return the generator of sample i for one transform, to be used at once."""
        return generator_at(self.key.position(self.epoch), self._block(i, transform))

    def of_batch(self, transform: int = 0) -> "SampleRngs":
        """Return the generators of all samples for one transform, to be used at once."""
        return SampleRngs(self, transform)

    def generators(self, transform: int) -> list[Rng]:
        """Return one generator for each sample."""
        blocks = [self._block(i, transform) for i in range(len(self.numbers))]
        return generators_at(self.key.position(self.epoch), blocks)

    def _block(self, i: int, transform: int) -> Block:
        time = 0 if self.times is None else int(self.times[i])
        return time << _TIME | transform << _TRANSFORM, int(self.numbers[i])


class SampleRngs:
    """Draws for a whole batch, as a Generator for one sample: row i is what sample i draws.

    Shapes: (n,) for n samples, (n, *size) with a size. Iterating gives the samples' Generators.

    >>> draws = SampleDraws(Key(0, "transform"), 0, np.array([4, 7]))
    >>> draws.of_batch().integers(0, 10, size=3)
    array([[8, 9, 7],
           [7, 7, 9]])
    >>> draws.of_sample(1).integers(0, 10, size=3)
    array([7, 7, 9])
    """

    def __init__(self, draws: SampleDraws, transform: int) -> None:
        self._draws, self._transform = draws, transform

    @cached_property
    def _generators(self) -> list[Rng]:
        return self._draws.generators(self._transform)

    def __len__(self) -> int:
        return len(self._draws.numbers)

    def __iter__(self) -> Iterator[Rng]:
        return iter(self._generators)

    def random(self, size: Any = None) -> np.ndarray:
        """Return uniform numbers in [0, 1)."""
        return np.stack([rng.random(size) for rng in self])

    def uniform(self, low: float = 0.0, high: float = 1.0, size: Any = None) -> np.ndarray:
        """Return uniform numbers in [low, high)."""
        return np.stack([rng.uniform(low, high, size) for rng in self])

    def normal(self, loc: float = 0.0, scale: float = 1.0, size: Any = None) -> np.ndarray:
        """Return normal numbers of mean loc and standard deviation scale."""
        return np.stack([rng.normal(loc, scale, size) for rng in self])

    def integers(self, low: int, high: int | None = None, size: Any = None) -> np.ndarray:
        """Return integers in [low, high), or in [0, low) without high."""
        return np.stack([rng.integers(low, high, size) for rng in self])


def times_before(order: np.ndarray) -> np.ndarray:
    """Return how often each number has come before in an order.

    >>> times_before(np.array([5, 2, 5, 5, 2]))
    array([0, 0, 1, 2, 1])
    """
    places = np.argsort(order, kind="stable")
    found = np.empty(len(order), np.int64)
    in_order = order[places]
    found[places] = np.arange(len(order)) - np.searchsorted(in_order, in_order)
    return found
