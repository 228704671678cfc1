"""Launch: how this program was started, read off the variables that launchers set."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from portanet.errors import ArgumentError

# variables of a process's rank and of the number of processes; the first that are set count
_MPI = {
    "Open MPI": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    "MPICH": ("PMI_RANK", "PMI_SIZE"),
    "Slurm": ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
}
_ADDRESS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Launch(NamedTuple):
    """A process among others.

    launcher  who has started it
    by_mpi    whether MPI connects the processes; else they meet at `address`
    """

    launcher: str
    rank: int
    size: int
    by_mpi: bool
    address: tuple[str, int] | None = None


_LOCAL = ("LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID")


def local_rank(variables: Mapping[str, str] = os.environ) -> int:
    """Return the number of this process among those on its machine: which GPU it is to take.

    >>> local_rank({"OMPI_COMM_WORLD_LOCAL_RANK": "1"}), local_rank({})
    (1, 0)
    """
    return next((int(variables[name]) for name in _LOCAL if name in variables), 0)


def launch(variables: Mapping[str, str] = os.environ) -> Launch | None:
    """Return how this process was started; None: by itself.

    Raises ArgumentError if only some of RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are set.

    >>> launch({"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"})
    Launch(launcher='RANK and WORLD_SIZE', rank=1, size=4, by_mpi=False, address=('node1', 29500))
    """
    for launcher, (rank, size) in _MPI.items():
        if rank in variables and size in variables:
            return Launch(launcher, int(variables[rank]), int(variables[size]), by_mpi=True)
    given = [name for name in _ADDRESS if name in variables]
    if "RANK" not in given or "WORLD_SIZE" not in given:
        return None
    if missing := [name for name in _ADDRESS if name not in given]:
        raise ArgumentError(
            f"portanet.distributed: with RANK and WORLD_SIZE, {' and '.join(missing)} must be set, "
            "where the processes meet; python -m portanet.distributed.run -n 2 script.py sets all"
        )
    address = variables["MASTER_ADDR"], int(variables["MASTER_PORT"])
    rank, size = int(variables["RANK"]), int(variables["WORLD_SIZE"])
    return Launch("RANK and WORLD_SIZE", rank, size, by_mpi=False, address=address)
