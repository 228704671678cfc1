"""Which communicator a model needs: by where it lies, and how the program was started."""

import sys
import warnings
from functools import cache
from typing import Any

from portanet.distributed.communicator import Alone, Communicator
from portanet.distributed.launch import Launch, launch
from portanet.distributed.mpi import MPICommunicator
from portanet.errors import (
    ArgumentError,
    DistributedError,
    NotDistributedWarning,
    PlacementError,
    short,
)

_START = "mpiexec -n {n} python {script}"
_said: set[str] = set()


def communicator_for(model: Any) -> Communicator:
    """Return the communicator for a model: MPI for NumPy, NCCL for CuPy, Alone without others.

    Rank 0 says in one line on standard error which it is.

    Raises PlacementError for other backends, DistributedError if mpi4py, NCCL or a GPU
    is missing, or if the processes that a launcher has started do not find each other.
    """
    started, name = launch(), model.backend.name
    if started is None or started.size == 1:
        return _said_once(Alone(), f"alone; for several ranks run: {_start(2)}")
    if name == "numpy":
        return _by_mpi(started)
    if name == "cupy":
        found = _by_nccl(started)
        return _said_once(found, f"{found.size} ranks, {found.kind}, model on {model.backend}")
    raise PlacementError(
        f"portanet.distributed: a model on {name} trains on one rank only; several ranks need it "
        "on numpy (MPI) or cupy (NCCL): model.to('numpy')"
    )


def checked_communicator(distributed: Any, model: Any) -> Communicator | None:
    """Return what Trainer(distributed=…) means: None, with a warning among others, and for False.

    Raises ArgumentError if it is nothing of the kind.
    """
    if isinstance(distributed, Communicator):
        return distributed
    if distributed is True:
        return communicator_for(model)
    if distributed is None and (started := launch()) is not None and started.size > 1:
        warnings.warn(
            f"Trainer: {started.launcher} has started {started.size} processes, and each trains by "
            "itself; Trainer(…, distributed=True) trains one model together (distributed=False: "
            "the same without this warning)",
            NotDistributedWarning,
            stacklevel=4,
        )
    if distributed is False or distributed is None:
        return None
    raise ArgumentError(
        "Trainer: distributed must be True, False or a communicator (portanet.distributed), is "
        f"{short(distributed)}"
    )


def _by_mpi(started: Launch) -> Communicator:
    if not started.by_mpi:
        raise DistributedError(
            f"portanet.distributed: {started.launcher} has started {started.size} processes, which "
            "cannot exchange NumPy arrays: these need MPI. Run: "
            f"{_start(started.size)}, or move the model to GPUs: model.to('cupy')"
        )
    found = _mpi()
    if found.size != started.size:
        raise DistributedError(
            f"portanet.distributed: {started.launcher} has started {started.size} processes, but "
            f"mpi4py sees {found.size}: its MPI is another one, {found.kind}. Start the program "
            "with the mpiexec of that MPI, or install mpi4py for this one"
        )
    return _said_once(found, f"{found.size} ranks, {found.kind}, model on numpy")


@cache  # one for all trainers of the program
def _mpi() -> Communicator:
    return MPICommunicator()


@cache
def _by_nccl(started: Launch) -> Communicator:
    from portanet.distributed.nccl import NCCLCommunicator

    return NCCLCommunicator.from_launch(started)


def _start(n: int) -> str:
    return _START.format(n=n, script=sys.argv[0] or "train.py")


def _said_once(found: Communicator, line: str) -> Communicator:
    if found.rank == 0 and line not in _said:
        _said.add(line)
        print(f"portanet.distributed: {line}", file=sys.stderr, flush=True)
    return found
