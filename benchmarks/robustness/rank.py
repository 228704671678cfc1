"""What each rank of benchmarks/robustness/ranks.py runs: python rank.py FOLDER RESULT

Goes on from the newest checkpoint in FOLDER to the end, and says in FOLDER.parent which process it
is; rank 0 writes what the run ends with into RESULT, and its digest into RESULT.txt.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.robustness.run import arrays_of, digest, finish, resumed
from portanet.callbacks import Callback
from portanet.distributed.launch import launch

PAUSE = 0.02  # seconds; so that kills come at all steps


class Slowly(Callback):
    """Waits at each step."""

    def on_step_end(self, trainer):
        time.sleep(PAUSE)


def main(folder, result):
    folder, started = Path(folder), launch()
    assert started is not None, "mpiexec starts this program"
    trainer = resumed(folder, dtype="float64", sync=True, distributed=True)
    trainer.callbacks.insert(0, Slowly())
    ready = folder.parent / f"rank-{started.rank}"
    ready.with_suffix(".partial").write_text(str(os.getpid()))
    ready.with_suffix(".partial").rename(ready)
    finish(trainer)
    if trainer.is_first:
        np.savez(result, **arrays_of(trainer))
        Path(f"{result}.txt").write_text(digest(trainer))


if __name__ == "__main__":
    main(*sys.argv[1:])
