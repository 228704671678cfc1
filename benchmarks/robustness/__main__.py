"""python -m benchmarks.robustness [PART …] [--count N] [--place FOLDER]

Tries often what must never go wrong, and says how often it was tried and what came out. A part that
fails ends with a traceback, and the exit status is 1.

kills     a run is killed N times (200) at random moments, also in a save, and resumed
writes    what the operating system is asked for when a file is saved (strace), and in which order
disks     full disks, read-only folders, two processes at one path, long names, links, folders
files     N damaged files (2000), and as many with other numbers, are loaded
memory    what N steps (50000) and evaluations of new loaders leave behind
together  trainers in threads, interleaved, forked, spawned: each as if it were alone
ranks     one of 4 or 2 ranks is killed N times (20); the run is resumed, also on another number
backends  saved on one backend, resumed on another
"""

import argparse
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path

PARTS = ("kills", "writes", "disks", "files", "memory", "together", "ranks", "backends")


def main() -> int:
    """Run what is asked for; return how many parts have failed."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.robustness", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--count", type=int, help="how often, where a part has a number")
    parser.add_argument("--place", type=Path, help="a folder to work in (default: a temporary one)")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    return sum(not is_passed(part, given) for part in given.parts or PARTS)


def is_passed(part: str, given: argparse.Namespace) -> bool:
    """Run a part in a folder of its own; print what came out; return whether it was right."""
    start, module = time.perf_counter(), import_module(f"benchmarks.robustness.{part}")
    count = {} if given.count is None else {"count": given.count}
    try:
        with tempfile.TemporaryDirectory(dir=given.place) as folder:
            for line in module.tried(Path(folder), **count):
                print(f"{part:9}{line}", flush=True)
    except Exception:  # noqa: BLE001 - printed, and counted
        traceback.print_exc()
        print(f"{part:9}FAILED")
        return False
    print(f"{part:9}passed, in {time.perf_counter() - start:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(min(1, main()))
