"""Chance, decided on the host: keyed streams of NumPy's Philox generator.

Weights, shuffles and dropout masks are drawn here and then moved, so that a run on a GPU and a run
on a CPU see the same numbers, bit for bit. Philox is counter-based: its numbers are a function of
a key and a counter, so any step's numbers can be had without those before it (a run that is
resumed at step 1000 draws what it would have drawn).

Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
"""

import zlib
from typing import NamedTuple

import numpy as np

from portanet.errors import ArgumentError
from portanet.typing import Rng


class Key(NamedTuple):
    """Names one stream of random numbers: (seed, purpose, number).

    >>> Key(0, "weights", 0).generator().integers(10, size=3)
    array([8, 2, 2])
    """

    seed: int
    purpose: str
    number: int = 0

    def generator(self, step: int = 0) -> Rng:
        """Return the generator of this stream's numbers for one step (an epoch, a batch …).

        The Philox key is (seed, crc32 of the purpose); the counter is (0, 0, step, number), which
        leaves each step 2**128 blocks of its own.
        """
        key = np.array([self.seed, zlib.crc32(self.purpose.encode())], dtype=np.uint64)
        counter = np.array([0, 0, step, self.number], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(counter=counter, key=key))


class _Streams:
    """The seed in force, and how many keys were handed out for each purpose since it was set."""

    seed = 0
    counts: dict[str, int] = {}  # noqa: RUF012 - one object, one process


def seed(n: int) -> None:
    """Start all streams anew: what is made afterwards is made alike for the same n.

    n is an integer in [0, 2**64). A process that never calls this runs with seed 0.

    >>> import portanet
    >>> portanet.seed(9)
    >>> a = portanet.Linear(2, 2)
    >>> portanet.seed(9)
    >>> b = portanet.Linear(2, 2)
    >>> bool((a.weights.value == b.weights.value).all())
    True
    """
    _Streams.seed = check_seed("seed", n)
    _Streams.counts = {}


def next_key(purpose: str) -> Key:
    """Return the next key for a purpose; the keys of one purpose do not depend on another's."""
    number = _Streams.counts.get(purpose, 0)
    _Streams.counts[purpose] = number + 1
    return Key(_Streams.seed, purpose, number)


def check_seed(who: str, n: int) -> int:
    """Return n as an int. Raises ArgumentError unless it is an integer in [0, 2**64)."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 0 <= n < 2**64:
        raise ArgumentError(f"{who}: the seed must be an integer in [0, 2**64), is {n!r}")
    return int(n)
