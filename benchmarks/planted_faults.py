"""Mutation test of the agreement kit: faults planted one by one into copies of the library.

    python -m benchmarks.planted_faults              all of them, and what must not be flagged
    python -m benchmarks.planted_faults NaN          those whose description has this word
    python -m benchmarks.planted_faults --ranks      those of data-parallel training

Each runs `portanet verify` on the cases concerned, in a process of its own, and prints a row of the
table in docs/agreement.md, or, with what parts first, of docs/distributed.md. Faults of PyTorch's adapter need
torch. NumPy's own kernels run without llvmlite, whose kernels would come first. Exit status 1 if a fault is not
caught, or a refactoring that changes nothing is.
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
from typing import Any

from benchmarks.planted.fault import Fault
from benchmarks.planted.harmless import HARMLESS
from benchmarks.planted.kernels import KERNELS, WAYS
from benchmarks.planted.layers import LAYERS
from benchmarks.planted.losses import LOSSES, RULES
from benchmarks.planted.ranks import RANKS

FAULTS = [*LAYERS, *LOSSES, *RULES, *KERNELS, *WAYS]
LIBRARY = Path(__file__).parents[1] / "portanet"
WITHOUT_LLVM = "backends/_numpy/"  # where llvmlite is installed, its kernels run and not these
TIMEOUT = 900  # seconds; none takes a tenth


class Copy:
    """A copy of the library in a folder of its own, to plant faults into."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        shutil.copytree(LIBRARY, self.folder / "portanet")
        hidden = self.folder / "hidden"
        hidden.mkdir()
        (hidden / "llvmlite.py").write_text("raise ImportError('hidden from planted faults')\n")

    def checks(self, fault: Fault) -> list[str]:
        """Return the checks that fail with a fault in the library, [] if none does."""
        return list(dict.fromkeys(row["check"] for row in self.failures(fault)))

    def failures(self, fault: Fault) -> list[dict[str, Any]]:
        """Return the rows of the report that fail with a fault in the library."""
        with self._planted(fault):
            report = self.folder / "report.json"
            report.unlink(missing_ok=True)
            places = [word for name in fault.backends for word in ("--backend", name)]
            ranks = ["--distributed", "-n", str(fault.ranks)] if fault.ranks else []
            command = ["verify", *places, *ranks, "--case", fault.case, "--json", str(report)]
            run = subprocess.run(
                [sys.executable, "-B", "-W", "ignore", "-m", "portanet", *command],
                cwd=self.folder, env=self._environment(fault), capture_output=True, text=True,
                timeout=TIMEOUT, check=False,
            )  # fmt: skip
        if not report.exists():
            raise RuntimeError(f"{fault.what}: no report was written\n{run.stderr[-2000:]}")
        rows = json.loads(report.read_text())["findings"]
        return [row for row in rows if not row["passed"] and not row["known"]]

    @contextmanager
    def _planted(self, fault: Fault) -> Iterator[None]:
        path = self.folder / "portanet" / fault.file
        text = path.read_text()
        path.write_text(fault.planted(text))
        try:
            yield
        finally:
            path.write_text(text)

    def _environment(self, fault: Fault) -> dict[str, str]:
        folders = [str(self.folder), os.environ.get("PYTHONPATH", "")]
        if fault.file.startswith(WITHOUT_LLVM):
            folders.insert(0, str(self.folder / "hidden"))
        path = os.pathsep.join(filter(None, folders))
        return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def main(arguments: list[str]) -> int:
    """Plant what the words choose, print what caught it, return the exit status."""
    of_ranks = "--ranks" in arguments
    words = [word for word in arguments if word != "--ranks"]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder)
        for fault in RANKS if of_ranks else (*FAULTS, *HARMLESS):
            if words and not any(w in f"{fault.what} {fault.case}" for w in words):
                continue
            rows = copy.failures(fault)
            ok = bool(rows) != (fault in HARMLESS)
            wrong += not ok
            by = dict.fromkeys(_first_part(row) if of_ranks else row["check"] for row in rows)
            row = f"| {fault.what} | `{fault.file}` | {', '.join(by) or 'none'} |"
            print(row + ("" if ok else " <-- wrong"), flush=True)
    return int(wrong > 0)


def _first_part(row: dict[str, Any]) -> str:
    """Say in which way, and where, ranks part from one rank."""
    return f"{row['check'].partition(', ')[2]}: {row['note'].splitlines()[0].partition(': ')[0]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
