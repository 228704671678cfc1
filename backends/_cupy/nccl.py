"""NCCL: sums over the GPUs of several processes, in place or not, on the current stream.

NVIDIA's library, as CuPy wraps it. Calls return before they are done, as launches do; they may be
captured into a CUDA graph.
"""

import warnings
from typing import Any

import cupy as cp

N_BYTES_OF_ID = 128


def is_available() -> bool:
    """Return whether CuPy finds NCCL."""
    with warnings.catch_warnings():  # that it does not, which the caller says
        warnings.simplefilter("ignore")
        from cupy.cuda import nccl

    return bool(nccl.available)


def unique_id() -> bytes:
    """Return what the ranks of a communicator must have in common; one of them makes it."""
    from cupy.cuda import nccl

    return bytes(x % 256 for x in nccl.get_unique_id())


def version() -> str:
    """Return NCCL's version, such as "2.27.3"."""
    from cupy.cuda import nccl

    number = nccl.get_version()
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def place_of_device() -> str:
    """Return the address of the current device in this machine: the same for all processes."""
    return cp.cuda.Device().pci_bus_id


class NCCL:
    """One rank of a communicator, on the current device."""

    def __init__(self, size: int, rank: int, name: bytes) -> None:
        from cupy.cuda import nccl

        self._comm = nccl.NcclCommunicator(size, name, rank)
        self._how = {"sum": nccl.NCCL_SUM, "max": nccl.NCCL_MAX}
        self._dtypes = {"float32": nccl.NCCL_FLOAT32, "float64": nccl.NCCL_FLOAT64}
        self._char = nccl.NCCL_INT8

    def all_reduce(self, x: Any, how: str, out: Any) -> None:
        """Write the sum (or "max", the largest) of all ranks' x into out, which may be x."""
        dtype, stream = self._dtypes[str(x.dtype)], cp.cuda.get_current_stream().ptr
        self._comm.allReduce(x.data.ptr, out.data.ptr, x.size, dtype, self._how[how], stream)

    def broadcast(self, x: Any) -> None:
        """Write the x of rank 0 into the x of all others."""
        stream = cp.cuda.get_current_stream().ptr
        self._comm.broadcast(x.data.ptr, x.data.ptr, x.nbytes, self._char, 0, stream)

    def abort(self) -> None:
        """Give up what is under way."""
        self._comm.abort()
