"""Programs that go wrong on one rank, started by test_distributed_faults.py with mpiexec.

mpiexec -n 2 python tests/distributed_faults.py WHAT FOLDER
"""

import os
import signal
import sys
import warnings
from pathlib import Path

import distributed_runs
import numpy as np
from distributed_runs import RUNS, Counts, network

import portanet
from portanet import DataLoader, Trainer
from portanet.callbacks import Callback, Checkpoints, StopOnSignal
from portanet.compiler.tracing.traced_reduction import AllReduce
from portanet.distributed import communicator_for

warnings.simplefilter("error")


class OnRank1(Callback):
    """Does something on rank 1 after 10 steps."""

    def __init__(self, act):
        self.act = act

    def on_step_end(self, trainer):
        if trainer.n_steps == 10 and not trainer.is_first:
            self.act()


def trainer(callbacks=(), name="plain", seed=5, **options):
    portanet.seed(seed)
    model, optimizer, ds, _ = RUNS[name](None)
    model.to(dtype="float64")
    loader = DataLoader(ds, 32, shuffle=True)
    return Trainer(
        model, optimizer, loader, distributed=True, callbacks=callbacks, fast=False, **options
    )


def ends(act):
    trainer([OnRank1(act)]).train(40, log_level=0)


def killed(folder):
    ends(lambda: os.kill(os.getpid(), signal.SIGKILL))


def raises(folder):
    def act():
        raise ValueError("a fault of this rank")

    ends(act)


def leaves(folder):
    ends(lambda: sys.exit(0))


def signalled(folder):
    checkpoints = Checkpoints(folder)
    act = OnRank1(lambda: os.kill(os.getpid(), signal.SIGTERM))
    run = trainer([act, StopOnSignal(checkpoints)])
    try:
        run.train(40, log_level=0)
    finally:
        (Path(folder) / f"rank-{run._together.communicator.rank}").write_text(str(run.n_steps))


def other_seed(folder):
    rank = communicator_for(network()).rank
    trainer(seed=5 + rank).train(1, log_level=0)


def wrong_sum(folder):
    """A plan whose sums of gradients are wrong, on rank 1 only, must be found on all ranks."""
    correct, rank = AllReduce.__call__, communicator_for(network()).rank

    def planted(self, x, how, after=None, out=None):
        found = correct(self, x, how, after, out)
        if not self.rehearses and rank == 1:
            found[0] *= 1.001
        return found

    AllReduce.__call__ = planted
    warnings.simplefilter("ignore")
    run = trainer()
    run.train(1, log_level=0)
    (Path(folder) / f"rank-{rank}").write_text(str(run.compiled.refused))


def steps(folder, name, n, every=5, *, first):
    """Train n steps, from the newest checkpoint unless it is the first; save the run."""
    checkpoints = Checkpoints(folder, every_steps=every)
    run = trainer([checkpoints, Counts()], name)
    if not first:
        portanet.load(checkpoints.newest(), run.model, run.optimizer, trainer=run)
    run.train(n_steps=n, log_level=0)
    if run.is_first:
        np.savez(Path(folder) / f"{run.n_steps}.npz", **distributed_runs.results(run))


def main():
    what, folder, *rest = sys.argv[1:]
    if what in ("first", "then"):
        steps(folder, rest[0], *map(int, rest[1:]), first=what == "first")
    else:
        globals()[what](folder)


if __name__ == "__main__":
    main()
