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

    `stream` is a stream to capture these operations on. CuPy's pools hand out blocks by the current
    stream; here all blocks are this stream's, so that operations use the same memory run after run,
    captured or not. They must therefore run in order, as must all that shares a plan's buffers.
    """

    def __init__(self) -> None:
        import cupy as cp

        self._cp: Any = cp
        self._kept: list[Any] = []
        self.stream: Any = cp.cuda.Stream(non_blocking=True)
        kept, stream = self._kept, self.stream

        def from_device(n_bytes: int) -> Any:
            kept.append(cp.cuda.Memory(n_bytes))
            return cp.cuda.MemoryPointer(kept[-1], 0)

        pool = cp.cuda.MemoryPool(from_device)

        def from_pool(n_bytes: int) -> Any:
            with stream:
                return pool.malloc(n_bytes)

        self._allocate = from_pool
        weakref.finalize(self, _empty, pool, kept)  # CuPy keeps the blocks of a deleted pool

    @property
    def bytes(self) -> int:
        """The size of the memory that was allocated from the device."""
        return sum(memory.size for memory in self._kept)

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function with the pool as allocator."""
        with self._cp.cuda.using_allocator(self._allocate):
            return function(*args, **options)


def _empty(pool: Any, kept: list[Any]) -> None:
    kept.clear()
    pool.free_all_blocks()
