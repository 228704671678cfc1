"""`portanet doctor`."""

import argparse
from typing import Any

from portanet.cli.output import add_json, print_json


def add(commands: Any) -> None:
    """Add the command."""
    doctor = commands.add_parser("doctor", help="show which backends work here, and why not")
    add_json(doctor)
    doctor.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from portanet.doctor import facts, report

    if options.json:
        print_json(facts())
    else:
        print(report())
