"""What every rank of `portanet verify --distributed` runs: python program.py FOLDER PLACE NAME …

It trains the networks of these names, each in all ways, and writes what it has recorded: a file for
each network and way, FOLDER/number-way-rank.npz; or .txt, why its steps were not compiled.
"""

import sys
from pathlib import Path

import numpy as np

from portanet.distributed import local_rank
from portanet.distributed.launch import launch
from portanet.verify.ranks.networks import CASES
from portanet.verify.ranks.recording import WAYS, record
from portanet.verify.report.places import at_work, place_of
from portanet.verify.runs.training import NotCompiledError


def main(folder: str, place: str, *names: str) -> None:
    """Train, and write what was recorded."""
    started = launch()
    rank = 0 if started is None else started.rank
    with at_work(place_of(f"cupy:{local_rank()}" if place == "cupy" else place)):
        for i, case in enumerate(CASES):
            for way in WAYS if case.name in names else ():
                path = Path(folder) / f"{i}-{way}-{rank}"
                try:
                    found = record(case, way, place, "float64", distributed=True)
                except NotCompiledError as why:  # on all ranks, after the last step
                    path.with_suffix(".txt").write_text(str(why))
                else:
                    np.savez(path.with_suffix(".npz"), **found)  # pyright: ignore


if __name__ == "__main__":
    main(*sys.argv[1:])
