"""What commands write: JSON, remarks, and files that may be there already."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from portanet.errors import ArgumentError


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option --json."""
    parser.add_argument(
        "--json", action="store_true", help="print JSON instead of text, remarks on standard error"
    )


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the option --force."""
    parser.add_argument(
        "--force", action="store_true", help="replace files that are there, without asking"
    )


def print_json(value: Any) -> None:
    """Print what JSON can hold, on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def remark(words: str) -> None:
    """Print a line on standard error, where it is in nobody's way."""
    print(words, file=sys.stderr)


def ask_to_replace(who: str, paths: Iterable[Path], *, force: bool) -> None:
    """Ask whether files that are there may be replaced.

    Raises ArgumentError if the answer is not yes, or if nobody is there to ask.
    """
    there = [str(path) for path in paths if path.exists()]
    if not there or force:
        return
    files, verb = " and ".join(there), "exists" if len(there) == 1 else "exist"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ArgumentError(
            f"{who}: {files} {verb} already; --force replaces what is there, --output names "
            "another file"
        )
    print(f"{files} {verb} already. Replace? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ArgumentError(f"{who}: nothing was written; --output names another file")
