"""Random streams on the host: NumPy's Philox generator, with keys.

Weights and shuffles are drawn here and then copied to the device, so that runs on a GPU and on a
CPU have the same numbers, bit for bit; what layers draw in each step is in `draws.py`. Philox is
counter-based: its numbers are a function of a key and a counter, so that those of any step can be
drawn without the earlier ones (a run resumed at step 1000 draws the same numbers as one without
interruption).

Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
"""

import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from portanet.errors import ArgumentError, short
from portanet.typing import Rng


class Key(NamedTuple):
    """The name of a stream of random numbers: (seed, purpose, number).

    >>> Key(0, "weights", 0).generator().integers(10, size=3)
    array([8, 2, 2])
    """

    seed: int
    purpose: str
    number: int = 0

    def generator(self, step: int = 0) -> Rng:
        """Return the generator of this stream's numbers for one step (an epoch, a batch …)."""
        return np.random.Generator(np.random.Philox(**counter_and_key(self.position(step))))

    def position(self, step: int = 0) -> np.ndarray:
        """Return where the numbers of one step begin: (seed, crc32 of the purpose, step, number).

        Shape: (4,), of uint64.
        """
        purpose = zlib.crc32(self.purpose.encode())
        return np.array([self.seed, purpose, step, self.number], dtype=np.uint64)


Block = tuple[int, int]  # the low and the high 64 bits of a block's number
_FIRST = (0, 0)


def counter_and_key(position: np.ndarray, block: Block = _FIRST) -> dict[str, np.ndarray]:
    """Return Philox's counter and key for the numbers from a position on (see `Key.position`).

    The key is (seed, crc32 of the purpose); the counter is (0, 0, step, number), so that each step
    has 2**128 blocks. `block` is where among these the numbers begin.
    """
    counter = np.array([*block, 0, 0], np.uint64)
    counter[2:] = position[2:]
    return {"counter": counter, "key": position[:2]}


class _OfThread(threading.local):
    """A thread's generators, which begin anew at each position: making one takes 15 µs."""

    def __init__(self) -> None:
        self._generators: list[Rng] = []
        self._unused: Any = np.random.Philox(0).state

    def at(self, position: np.ndarray, block: Block, i: int = 0) -> Rng:
        if i == len(self._generators):
            self._generators.append(np.random.Generator(np.random.Philox(0)))
        generator = self._generators[i]
        generator.bit_generator.state = self._unused | {"state": counter_and_key(position, block)}
        return generator


_of_thread = _OfThread()


def generator_at(position: np.ndarray, block: Block = _FIRST) -> Rng:
    """Return a generator of the numbers from a position on, to be used at once.

    It gives what `key.generator(step)` gives, for key.position(step), from one of the step's blocks
    on, and belongs to this thread: the next call lets it begin elsewhere.

    >>> generator_at(Key(0, "shuffle").position(step=3)).permutation(5)
    array([0, 3, 2, 1, 4])
    """
    return _of_thread.at(position, block)


def generators_at(position: np.ndarray, blocks: Sequence[Block]) -> list[Rng]:
    """Return generators of the numbers from several blocks on; each is as generator_at's."""
    return [_of_thread.at(position, block, i) for i, block in enumerate(blocks)]


class _Streams:
    """The current seed, and the number of keys used for each purpose since it was set."""

    seed = 0
    counts: dict[str, int] = {}  # noqa: RUF012 - one object, one process


def seed(n: int) -> None:
    """Restart all streams: with the same n, what is made afterwards has the same random numbers.

    n is an integer in [0, 2**64). The seed is 0 unless this is called.

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
    """Return the next key for a purpose, which does not depend on the keys of other purposes."""
    seed, counts = _apart.get() or (_Streams.seed, _Streams.counts)
    number = counts.get(purpose, 0)
    counts[purpose] = number + 1
    return Key(seed, purpose, number)


_apart: ContextVar[tuple[int, dict[str, int]] | None] = ContextVar("apart", default=None)


@contextmanager
def streams_apart() -> Iterator[None]:
    """Within this block keys are counted apart: what is made later draws as if there were none.

    >>> import portanet
    >>> portanet.seed(0)
    >>> with streams_apart():
    ...     inside = next_key("dropout")
    >>> next_key("dropout") == inside
    True
    """
    seed, _ = _apart.get() or (_Streams.seed, {})
    token = _apart.set((seed, {}))
    try:
        yield
    finally:
        _apart.reset(token)


@contextmanager
def streams_of(seed: int) -> Iterator[None]:
    """Within this block keys are those of a seed, from the first on; other streams stay.

    >>> import portanet
    >>> with streams_of(9):
    ...     a = portanet.Linear(2, 2)
    >>> portanet.seed(9)
    >>> bool((a.weights.value == portanet.Linear(2, 2).weights.value).all())
    True
    """
    token = _apart.set((check_seed("streams_of", seed), {}))
    try:
        yield
    finally:
        _apart.reset(token)


def check_seed(who: str, n: int) -> int:
    """Return n as an int. Raises ArgumentError unless it is an integer in [0, 2**64)."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 0 <= n < 2**64:
        example = "seed(0)" if who == "seed" else "seed=0"
        raise ArgumentError(
            f"{who}: the seed must be an integer in [0, 2**64), is {short(n)}; for example "
            f"{example}"
        )
    return int(n)
