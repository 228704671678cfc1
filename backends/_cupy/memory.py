"""Device memory of one's own, beside CuPy's common pool."""

import weakref
from collections.abc import Callable
from typing import Any

from portanet.typing import Array


class PrivateMemory:
    """Memory for the buffers of a plan, straight from the device.

    What a captured graph writes to must stay where it is, and what a plan costs should be known:
    `bytes` says how much has been asked for. Arrays give their memory back to the device when they
    die; the device is waited for then. (A private cupy.cuda.MemoryPool is not used: CuPy 14.2
    keeps its blocks even when it is gone, which was found with CuPy on a CPU, not on a GPU.)
    """

    def __init__(self) -> None:
        import cupy as cp

        self._cp: Any = cp
        self.bytes = 0

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Return an array whose numbers have yet to be written."""
        with self._cp.cuda.using_allocator(None):  # no pool at all
            array = self._cp.empty(shape, dtype)
        self.bytes += array.nbytes
        return array


class Scratch:
    """A pool for what single operations allocate while they run, which is theirs alone.

    A captured operation works in the same memory each time, so nobody else may be given it, and it
    stays as long as this object does: a pool that runs out of memory would give back what it takes
    to be free.
    """

    def __init__(self) -> None:
        import cupy as cp

        self._cp: Any = cp
        self._kept: list[Any] = []
        kept = self._kept

        def from_device(n_bytes: int) -> Any:
            kept.append(cp.cuda.Memory(n_bytes))
            return cp.cuda.MemoryPointer(kept[-1], 0)

        pool = cp.cuda.MemoryPool(from_device)
        self._allocate = pool.malloc
        weakref.finalize(self, _empty, pool, kept)  # CuPy keeps a pool's blocks when it is gone

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function; what it allocates comes from the pool."""
        with self._cp.cuda.using_allocator(self._allocate):
            return function(*args, **options)


def _empty(pool: Any, kept: list[Any]) -> None:
    kept.clear()
    pool.free_all_blocks()
