"""Running a stage: a command in a process of its own, its outcome, its time, what it printed."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PASSED, FAILED, NOT_RUN = "passed", "FAILED", "not run"


@dataclass(frozen=True)
class Stage:
    """A command, and how it is judged: by its exit status.

    answers  the last line that it prints is JSON, which the report shows as figures
    shows    the report has all that it prints, not only the end of what fails
    why_not  a reason not to run it; "" if there is none
    limit    seconds until it is stopped, and has failed
    """

    name: str
    command: Sequence[str]
    limit: float
    answers: bool = False
    shows: bool = False
    why_not: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a stage: PASSED, FAILED or NOT_RUN; `why` says why it did not pass.

    output  what it printed; answer  its figures;  shows  whether the report has all of the output
    """

    name: str
    state: str
    seconds: float = 0.0
    why: str = ""
    output: str = ""
    answer: Any = None
    shows: bool = False


def run(stage: Stage) -> Outcome:
    """Run a stage, whatever becomes of it."""
    if stage.why_not:
        return Outcome(stage.name, NOT_RUN, why=stage.why_not)
    start = time.monotonic()
    try:
        status, output = _finished(stage)
    except OSError as error:
        return Outcome(stage.name, FAILED, why=f"did not start: {error.strerror}")
    seconds = time.monotonic() - start
    if status is None:
        return Outcome(stage.name, FAILED, seconds, f"stopped after {stage.limit:.0f} s", output)
    if status:
        return Outcome(stage.name, FAILED, seconds, f"exit status {status}", output)
    if not stage.answers:
        return Outcome(stage.name, PASSED, seconds, output=output, shows=stage.shows)
    try:
        answer = json.loads(output.rstrip().rpartition("\n")[2])
    except json.JSONDecodeError:
        return Outcome(stage.name, FAILED, seconds, "its last line is no JSON", output)
    return Outcome(stage.name, PASSED, seconds, output=output, answer=answer)


def _finished(stage: Stage) -> tuple[int | None, str]:
    """Return the exit status, None if it took too long, and what it printed."""
    process = subprocess.Popen(
        list(stage.command), cwd=ROOT, env=_environment(), text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=stage.limit)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the command, and what it has started
        output, _ = process.communicate()
        return None, output
    except BaseException:  # Ctrl-C ends the stage, too
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise


def _environment() -> dict[str, str]:
    threads = str(os.cpu_count() or 1)
    return {"OMP_NUM_THREADS": threads} | dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
