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

    A captured operation works in the same memory each time, so nobody else may be given it.
    """

    def __init__(self) -> None:
        import cupy as cp

        self._cp: Any = cp
        pool = cp.cuda.MemoryPool()
        self._allocate = pool.malloc
        weakref.finalize(self, pool.free_all_blocks)  # CuPy keeps a pool's blocks when it is gone

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function; what it allocates comes from the pool."""
        with self._cp.cuda.using_allocator(self._allocate):
            return function(*args, **options)
