"""python -m benchmarks.gpu [--quick] [--only NAME …] [--output FILE]

Everything that there is to see on a CUDA device, in stages: what the machine has, the tests on CuPy,
the wheel, the times of training steps beside PyTorch's, profiles beside estimates, NVIDIA's
compute-sanitizer. Leaves one file that can be attached to a report. A stage that fails hides no other;
the exit status is 0 if none failed. What is not run says why.

--quick   some of the tests and profiles, short measurements
--only    only stages whose names begin so
--output  the file (default: gpu-report.txt)
"""

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import portanet
from benchmarks.gpu.report import counted, report
from benchmarks.gpu.running import FAILED, ROOT, Outcome, Stage, run
from benchmarks.gpu.stages import first_stages, stages
from benchmarks.machine import machine


def main() -> int:
    """Run the stages, and write the file after each of them."""
    given = arguments()
    facts: dict[str, Any] = {
        "device": None, "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "portanet": f"{portanet.__version__}, commit {commit()}", "machine": machine(),
        "quick": given.quick,
    }  # fmt: skip
    done: list[Outcome] = []
    waiting = first_stages()
    while waiting:
        stage = waiting.pop(0)
        say(f"{stage.name} …")
        done.append(run(stage))
        say(f"    {done[-1].state} {done[-1].why}".rstrip())
        if stage.name == "device":
            facts["device"] = done[-1].answer
            waiting = [asked(s, given.only) for s in stages(done[-1].answer, given.quick)]
        wanted = [outcome.name for outcome in done] + [s.name for s in waiting]
        given.output.write_text(report(facts, done, wanted))
    say(f"{counted(done, wanted)}; {given.output.name} has all of it")
    return int(any(outcome.state == FAILED for outcome in done))


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.gpu", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--output", type=Path, default=ROOT / "gpu-report.txt")
    return parser.parse_args()


def asked(stage: Stage, only: list[str] | None) -> Stage:
    """Return a stage, with a reason not to run it where it was not asked for."""
    if only is None or stage.name.startswith(tuple(only)):
        return stage
    return replace(stage, why_not="left out by --only")


def commit() -> str:
    """Return the clone's commit, and whether files were changed since."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=, changed since"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def say(what: str) -> None:
    """Tell the terminal what happens, and when."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
