"""`portanet verify`: a run of the kit for the terminal."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from portanet.errors import ArgumentError
from portanet.verify.kit import run
from portanet.verify.page import html
from portanet.verify.report.table import table


def verify(options: argparse.Namespace) -> int:
    """Run the kit as the command line says, print the table, return the exit status."""
    report = run(
        _names(options.backend, options.device),
        model=options.model,
        cases=options.case,
        seed=options.seed,
        quick=options.quick,
        say=_progress if sys.stderr.isatty() else None,
    )
    if sys.stderr.isatty():
        _progress("")
    print(report.to_json() if options.json == "-" else table(report))
    if options.json and options.json != "-":
        Path(options.json).write_text(report.to_json(), encoding="utf-8")
    if options.html:
        Path(options.html).write_text(html(report), encoding="utf-8")
    return report.exit_status


def _names(backends: Sequence[str] | None, device: str | None) -> Sequence[str] | None:
    """Return the names of places. Raises ArgumentError for a device of no or several backends."""
    if device is None:
        return backends
    if backends is None or len(backends) != 1 or ":" in backends[0]:
        raise ArgumentError(
            "verify: --device is of one backend, given by --backend; of several write "
            "--backend NAME:DEVICE for each"
        )
    return [f"{backends[0]}:{device}"]


def _progress(words: str) -> None:
    """Show what is being checked, in one line that the next one overwrites."""
    print(f"\r\033[K{words[:79]}", end="", file=sys.stderr, flush=True)
