"""Device memory outside of CuPy's default pool."""

import weakref
from collections.abc import Callable
from typing import Any

from portanet.typing import Array


class PrivateMemory:
    """Memory for the buffers of a plan, allocated from the device without a pool.

    The buffers of a captured graph must keep their addresses; `bytes` counts what was allocated.
    Freeing an array synchronizes the device. (A private cupy.cuda.MemoryPool is not used: CuPy 14.2
    keeps its blocks after the pool is deleted.)
    """

    def __init__(self) -> None:
        import cupy as cp

        self._cp: Any = cp
        self.bytes = 0

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Return an uninitialized array."""
        with self._cp.cuda.using_allocator(None):  # without a pool
            array = self._cp.empty(shape, dtype)
        self.bytes += array.nbytes
        return array


class Scratch:
    """A private pool for temporary arrays of single operations.

    A captured operation uses the same memory in each replay, so the memory must not be given to
    others, and must live as long as this object: a pool that runs out of memory frees its unused
    blocks.
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
        weakref.finalize(self, _empty, pool, kept)  # CuPy keeps the blocks of a deleted pool

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function with the pool as allocator."""
        with self._cp.cuda.using_allocator(self._allocate):
            return function(*args, **options)


def _empty(pool: Any, kept: list[Any]) -> None:
    kept.clear()
    pool.free_all_blocks()
