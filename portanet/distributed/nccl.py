"""NCCLCommunicator: CuPy arrays between GPUs, by NVIDIA's NCCL."""

import socket
from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.distributed.communicator import Communicator, check_how
from portanet.distributed.control import Control
from portanet.distributed.launch import Launch
from portanet.distributed.mpi import MPICommunicator
from portanet.errors import DistributedError, PlacementError
from portanet.typing import Array


class NCCLCommunicator(Communicator):
    """Processes of which each has a GPU of its own: the current device of each.

    `host` is the communicator by which they find each other and agree on a few numbers: MPI's, or
    Control. Arrays are CuPy's, float32 or float64. Calls return before they are done; they wait in
    the current stream, as kernels do, and a compiled step has them in its CUDA graph.

    Raises DistributedError if CuPy finds no NCCL, or two ranks have the same GPU.
    """

    def __init__(self, host: Communicator) -> None:
        from portanet.backends._cupy import nccl

        self._host, self.rank, self.size = host, host.rank, host.size
        if not nccl.is_available():
            raise DistributedError(
                "portanet.distributed: NCCL is needed to train on several GPUs, and CuPy finds "
                "none; run: pip install nvidia-nccl-cu13 (for CUDA 12: nvidia-nccl-cu12)"
            )
        self._refuse_shared_devices(f"{socket.gethostname()} {nccl.place_of_device()}")
        name = np.frombuffer(nccl.unique_id(), np.uint8).astype(np.float64)
        name = host.of_host(name if self.rank == 0 else np.zeros_like(name))
        self._nccl = nccl.NCCL(self.size, self.rank, bytes(name.astype(np.uint8)))
        self.kind = f"NCCL {nccl.version()}, started by {host.kind}"

    @classmethod
    def from_launch(cls, started: Launch) -> "NCCLCommunicator":
        """Return the communicator of the processes that a launcher has started."""
        return cls(MPICommunicator() if started.by_mpi else Control.from_launch(started))

    def all_reduce(self, x: Array, how: str = "sum", out: Array | None = None) -> Array:
        """Write the sum (or the largest) of all ranks' x into `out`, else into x; return it."""
        self._check(x)
        self._nccl.all_reduce(x, check_how(how), x if out is None else out)
        return x if out is None else out

    def broadcast(self, x: Array) -> Array:
        """Write the x of rank 0 into the x of all others; return it."""
        self._check(x)
        self._nccl.broadcast(x)
        return x

    def of_host(self, numbers: np.ndarray, how: str = "sum") -> np.ndarray:
        """Return the sums of float64 numbers of the host, which go another way than NCCL's."""
        return self._host.of_host(numbers, how)

    def abort(self, why: str) -> None:
        """Say why, and end all ranks."""
        self._host.abort(why)

    def _check(self, x: Any) -> None:
        backend = backend_of(x)
        if backend.name != "cupy":
            raise PlacementError(
                f"NCCLCommunicator: arrays must be CuPy's, is one of {backend}; a model on NumPy "
                "communicates by MPI (MPICommunicator)"
            )

    def _refuse_shared_devices(self, own: str) -> None:
        """Raise DistributedError, on all ranks, if two of them have the same GPU."""
        places = [self._of_rank(rank, own) for rank in range(self.size)]
        first = {place: rank for rank, place in reversed(list(enumerate(places)))}
        for rank, place in enumerate(places):
            if first[place] != rank:
                raise DistributedError(
                    f"portanet.distributed: each rank needs a GPU of its own, ranks {first[place]} "
                    f"and {rank} both have {place}. With as many GPUs as ranks on a machine, call "
                    "cupy.cuda.Device(portanet.distributed.local_rank()).use() before "
                    "model.to('cupy')"
                )

    def _of_rank(self, rank: int, text: str) -> str:
        """Return the text of a rank."""
        data = np.zeros(256)
        if rank == self.rank:
            encoded = text.encode()[: data.size]
            data[: len(encoded)] = np.frombuffer(encoded, np.uint8)
        return bytes(self._host.of_host(data).astype(np.uint8)).rstrip(b"\0").decode()
