"""Control: a few numbers between processes without MPI, over TCP; rank 0 adds them up.

For what GPUs' ranks have to agree on: how to find each other (NCCL's id), a loss, whether to stop.
It is no way to exchange gradients.
"""

import os
import socket
import sys
import time

import numpy as np

from portanet.distributed.communicator import Communicator, check_how
from portanet.distributed.launch import Launch
from portanet.errors import DistributedError, PlacementError
from portanet.typing import Array

_PATIENCE = 60.0  # seconds that ranks wait for each other at the start
_AGAIN = 0.05  # seconds between two tries


class Control(Communicator):
    """Processes that meet at a TCP address, where rank 0 listens; for float64 arrays of the host.

    A rank that is lost while others wait for it ends them: it is named on standard error.

    Raises DistributedError if not all of them come within a minute.
    """

    kind = "RANK and WORLD_SIZE"

    def __init__(self, rank: int, size: int, address: tuple[str, int]) -> None:
        self.rank, self.size = rank, size
        self._others = self._accepted(address) if rank == 0 else {0: self._connected(address)}
        self._before = sys.excepthook
        sys.excepthook = self._end

    @classmethod
    def from_launch(cls, started: Launch) -> "Control":
        """Return the communicator of the processes that a launcher has started."""
        assert started.address is not None
        return cls(started.rank, started.size, started.address)

    def all_reduce(self, x: Array, how: str = "sum", out: Array | None = None) -> Array:
        """Write the sum (or the largest) of all ranks' x into `out`, else into x; return it."""
        if not isinstance(x, np.ndarray) or x.dtype != np.float64:
            raise PlacementError(
                "Control: numbers must be float64 ones of NumPy; a model's go by MPI or NCCL"
            )
        add = {"sum": np.add, "max": np.maximum}[check_how(how)]
        total = np.array(x)
        if self.rank == 0:
            for rank in range(1, self.size):
                add(total, self._received(rank, x), out=total)
            for rank in range(1, self.size):
                self._send(rank, total)
        else:
            self._send(0, total)
            total = self._received(0, x)
        target = x if out is None else out
        target[...] = total
        return target

    def broadcast(self, x: Array) -> Array:
        """Write the x of rank 0 into the x of all others; return it."""
        return self.all_reduce(x if self.rank == 0 else np.zeros_like(x), out=x)

    def abort(self, why: str) -> None:
        """Say why, and end this process: the others see it, as does what has started them."""
        print(f"portanet.distributed: rank {self.rank}: {why}", file=sys.stderr, flush=True)
        os._exit(1)

    def _send(self, rank: int, numbers: np.ndarray) -> None:
        try:
            self._others[rank].sendall(numbers.tobytes())
        except OSError:
            self._lost(rank)

    def _received(self, rank: int, like: np.ndarray) -> np.ndarray:
        data = b""
        while len(data) < like.nbytes:
            try:
                more = self._others[rank].recv(like.nbytes - len(data))
            except OSError:
                more = b""
            if not more:
                self._lost(rank)
            data += more
        return np.frombuffer(data, np.float64).reshape(like.shape)

    def _lost(self, rank: int) -> None:
        self.abort(f"waits for rank {rank}, which has ended; all ranks are ended")

    def _end(self, kind: type[BaseException], error: BaseException, traceback: object) -> None:
        self._before(kind, error, traceback)  # pyright: ignore[reportArgumentType]
        self.abort(f"ended by {kind.__name__}; all ranks are ended")

    def _accepted(self, address: tuple[str, int]) -> dict[int, socket.socket]:
        """Return the sockets of all other ranks, once they have come."""
        found: dict[int, socket.socket] = {}
        with socket.create_server(address) as server:
            server.settimeout(_PATIENCE)
            while len(found) < self.size - 1:
                try:
                    other, _ = server.accept()
                except TimeoutError:
                    missing = sorted({*range(1, self.size)} - found.keys())
                    raise DistributedError(
                        f"portanet.distributed: ranks {missing} have not come to "
                        f"{address[0]}:{address[1]} within {_PATIENCE:.0f} s; all ranks must be "
                        "started, with the same MASTER_ADDR and MASTER_PORT"
                    ) from None
                other.settimeout(None)
                other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                found[int.from_bytes(other.recv(4), "big")] = other
        return found

    def _connected(self, address: tuple[str, int]) -> socket.socket:
        """Return the socket to rank 0, which may listen a little later."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                found = socket.create_connection(address, timeout=_PATIENCE)
                break
            except OSError as error:
                if time.monotonic() > until:
                    raise DistributedError(
                        f"portanet.distributed: rank 0 is not at {address[0]}:{address[1]} "
                        f"({error}); start it, and give all ranks its MASTER_ADDR and MASTER_PORT"
                    ) from error
                time.sleep(_AGAIN)
        found.settimeout(None)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.sendall(self.rank.to_bytes(4, "big"))
        return found
