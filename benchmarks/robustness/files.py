"""Damaged checkpoint files, and files with other numbers: tests/test_checkpoint_fuzz.py, at length."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[2] / "tests"


def tried(place, count=2000):
    """Yield what came out, in words."""
    command = [sys.executable, "-W", "ignore", TESTS / "test_checkpoint_fuzz.py", str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=place)
    yield from done.stdout.splitlines()
