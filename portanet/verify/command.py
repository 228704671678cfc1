"""`portanet verify`: a run of the kit for the terminal."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from portanet.errors import ArgumentError
from portanet.verify.kit import run
from portanet.verify.page import html
from portanet.verify.ranks import run_ranks
from portanet.verify.report import Report
from portanet.verify.report.table import table

Say = Callable[[str], None] | None


def verify(options: argparse.Namespace) -> int:
    """Run the kit as the command line says, print the table, return the exit status."""
    say = _progress if sys.stderr.isatty() else None
    report = _of_ranks(options, say) if options.distributed else _of_backends(options, say)
    if sys.stderr.isatty():
        _progress("")
    print(report.to_json() if options.json == "-" else table(report))
    if options.json and options.json != "-":
        Path(options.json).write_text(report.to_json(), encoding="utf-8")
    if options.html:
        Path(options.html).write_text(html(report), encoding="utf-8")
    return report.exit_status


def _of_backends(options: argparse.Namespace, say: Say) -> Report:
    if options.n is not None:
        raise ArgumentError("verify: -n is how many ranks --distributed starts, which is not given")
    return run(
        _names(options.backend, options.device),
        model=options.model,
        cases=options.case,
        seed=options.seed,
        quick=options.quick,
        say=say,
    )


def _of_ranks(options: argparse.Namespace, say: Say) -> Report:
    """Return the report of --distributed. Raises ArgumentError for what does not go with it."""
    given = {"--model": options.model, "--device": options.device, "--quick": options.quick,
             "--seed": options.seed}  # fmt: skip
    if useless := [name for name, value in given.items() if value]:
        raise ArgumentError(f"verify: {' and '.join(useless)} cannot be given with --distributed")
    backends = options.backend or ["numpy"]
    if len(backends) > 1:
        raise ArgumentError("verify: --distributed takes one backend at a time, numpy or cupy")
    return run_ranks(2 if options.n is None else options.n, *backends, cases=options.case, say=say)


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
