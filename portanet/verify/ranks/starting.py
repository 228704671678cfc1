"""Starts the ranks of a verification, and ends them where they do not end by themselves."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PROGRAM = Path(__file__).with_name("program.py")
_TIMEOUT = 300.0  # seconds; all networks take about ten
_GRACE = 10.0  # seconds that the launcher has to end all ranks


def start(n: int, place: str, folder: Path, names: Sequence[str]) -> tuple[int, str]:
    """Run n ranks to their end; return the exit status and what they have said."""
    by = ["--by", "mpi"] if place == "numpy" else []
    command = [sys.executable, "-m", "portanet.distributed.run", "-n", str(n), *by]
    process = subprocess.Popen(
        [*command, str(_PROGRAM), str(folder), place, *names],
        env=_variables(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        return 1, f"the ranks have not ended in {_TIMEOUT:.0f} s\n{_ended(process)}"
    except BaseException:  # Ctrl-C reaches this session only
        _ended(process)
        raise
    return process.returncode, output


def _ended(process: subprocess.Popen[str]) -> str:
    """End the launcher and all ranks; return what they have said."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, sign)
        try:
            return process.communicate(timeout=_GRACE)[0]
        except subprocess.TimeoutExpired:
            continue
    return ""


def _variables() -> dict[str, str]:
    """Return the environment, in which ranks find this very portanet and yield when they wait."""
    here = str(_PROGRAM.parents[3])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    return {"OMPI_MCA_mpi_yield_when_idle": "1", **os.environ, "PYTHONPATH": path}
