"""python -m tests.differential [N] [--seed S] [--processes P] [--program "Program(...)"]
    [--plain] [--backend NAME] [--signals] [--without TEXT ...]

Draws N programs, runs each compiled and as it is written, and prints a table: what was refused and
why, and each kind of fault with its shortest program. The exit code is 1 if there is a fault.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as pytest does


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("n_programs", nargs="?", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--signals", action="store_true", help="interrupt by signals, too")
    parser.add_argument(
        "--shorten", type=int, default=3, help="faults of a kind that are shortened"
    )
    parser.add_argument(
        "--without",
        nargs="*",
        default=(),
        metavar="TEXT",
        help="leave out programs that have one of these: faults that are known",
    )
    parser.add_argument("--plain", action="store_true", help="first each layer, rule, … once")
    parser.add_argument("--backend", default="numpy", help="where the models lie")
    parser.add_argument("--program", help="run this one alone, and say how it ends")
    told = parser.parse_args()
    os.environ.setdefault("JAX_ENABLE_X64", "1")  # before JAX is imported
    from differential.batch import Batch, one, run_batches
    from differential.plain import plain_programs
    from differential.report import Report, show_one

    if told.program:
        return show_one(told.program)
    report, start = Report(told.shorten), time.perf_counter()
    for program in (*plain_programs("step"), *plain_programs("trainer")) if told.plain else ():
        report.add(one(program))
    batch = Batch(told.seed, told.signals, tuple(told.without), told.backend)
    for result in run_batches(batch, told.n_programs, told.processes):
        report.add(result)
        if result.fault is not None:  # also at the end, with others of its kind, and shorter
            print(f"FAULT {result.fault}", file=sys.stderr, flush=True)
        if report.n % 500 == 0:
            print(f"{report.n} programs, {len(report.faults)} faults", file=sys.stderr, flush=True)
    report.show(time.perf_counter() - start)
    return 1 if report.faults or report.crashes else 0


if __name__ == "__main__":
    sys.exit(main())
