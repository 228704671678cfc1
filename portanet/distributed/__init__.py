"""Data-parallel training: several processes train one model, each with a part of every batch.

    trainer = Trainer(model, optimizer, train_dl, val_dl, distributed=True)

started as `mpiexec -n 4 python train.py`. See docs/distributed.md.
"""

from importlib import import_module
from typing import Any

from portanet.distributed.choose import communicator_for as communicator_for
from portanet.distributed.communicator import Alone as Alone
from portanet.distributed.communicator import Communicator as Communicator
from portanet.distributed.launch import local_rank as local_rank
from portanet.distributed.mpi import MPICommunicator as MPICommunicator

__all__ = [
    "Alone",
    "Communicator",
    "MPICommunicator",
    "NCCLCommunicator",  # pyright: ignore[reportUnsupportedDunderAll] - made on first use
    "communicator_for",
    "local_rank",
]


def __getattr__(name: str) -> Any:
    if name != "NCCLCommunicator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("portanet.distributed.nccl").NCCLCommunicator
