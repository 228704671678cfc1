"""Mutation test of the agreement kit: faults planted one by one into copies of the library.

    python -m benchmarks.planted_faults              all of them, and what must not be flagged
    python -m benchmarks.planted_faults NaN          those whose description has this word

Each runs `portanet verify` on the cases concerned, in a process of its own, and prints a row of the
table in docs/agreement.md. Faults of PyTorch's adapter need
torch; those of NumPy's own convolution need llvmlite not to be there, whose kernels come first. Exit status 1 if a
fault is not caught, or a refactoring that changes nothing is.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.planted.fault import Fault
from benchmarks.planted.harmless import HARMLESS
from benchmarks.planted.kernels import KERNELS, WAYS
from benchmarks.planted.layers import LAYERS
from benchmarks.planted.losses import LOSSES, RULES

FAULTS = [*LAYERS, *LOSSES, *RULES, *KERNELS, *WAYS]
LIBRARY = Path(__file__).parents[1] / "portanet"
TIMEOUT = 900  # seconds; none takes a tenth


class Copy:
    """A copy of the library in a folder of its own, to plant faults into."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        shutil.copytree(LIBRARY, self.folder / "portanet")

    def checks(self, fault: Fault) -> list[str]:
        """Return the checks that fail with a fault in the library, [] if none does."""
        with self._planted(fault):
            report = self.folder / "report.json"
            report.unlink(missing_ok=True)
            places = [word for name in fault.backends for word in ("--backend", name)]
            command = ["verify", *places, "--case", fault.case, "--json", str(report)]
            run = subprocess.run(
                [sys.executable, "-B", "-W", "ignore", "-m", "portanet", *command],
                cwd=self.folder, env=_environment(self.folder), capture_output=True, text=True,
                timeout=TIMEOUT, check=False,
            )  # fmt: skip
        if not report.exists():
            raise RuntimeError(f"{fault.what}: no report was written\n{run.stderr[-2000:]}")
        rows = json.loads(report.read_text())["findings"]
        return list(dict.fromkeys(r["check"] for r in rows if not r["passed"] and not r["known"]))

    @contextmanager
    def _planted(self, fault: Fault) -> Iterator[None]:
        path = self.folder / "portanet" / fault.file
        text = path.read_text()
        path.write_text(fault.planted(text))
        try:
            yield
        finally:
            path.write_text(text)


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def main(arguments: list[str]) -> int:
    """Plant what the words choose, print what caught it, return the exit status."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder)
        for fault in (*FAULTS, *HARMLESS):
            if arguments and not any(w in f"{fault.what} {fault.case}" for w in arguments):
                continue
            checks = copy.checks(fault)
            ok = bool(checks) != (fault in HARMLESS)
            wrong += not ok
            row = f"| {fault.what} | `{fault.file}` | {', '.join(checks) or 'none'} |"
            print(row + ("" if ok else " <-- wrong"), flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
