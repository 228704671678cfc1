"""The command line: `portanet demo`, `doctor` and `verify` (also `python -m portanet …`)."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from portanet import backends
from portanet._version import __version__
from portanet.errors import PortanetError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, what the command returns, or 2 after printing an error message.

    Output into a closed pipe (`portanet doctor | head -1`) ends the command without a message.
    """
    try:
        try:
            return _run(arguments)
        finally:  # also for --help, which raises SystemExit
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes the standard output again at exit: into the null device
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except PortanetError as error:
        print(f"portanet: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="portanet", description="A neural-network library that you can read."
    )
    parser.add_argument("--version", action="version", version=f"portanet {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="train the blog's networks on each available backend")
    demo.add_argument("--backend", action="append", metavar="NAME", help="this backend only "
                      f"({', '.join(backends.names())}); may be repeated")  # fmt: skip
    demo.add_argument(
        "--seed", type=int, default=0, help="seed of weights and shuffles (default: 0)"
    )
    demo.add_argument("--plot", default="portanet-demo.png", metavar="FILE",
                      help="file for the learning curves (default: %(default)s)")  # fmt: skip
    demo.set_defaults(run=_demo)

    doctor = commands.add_parser("doctor", help="show which backends work here, and why not")
    doctor.set_defaults(run=_doctor)
    _add_verify(commands)
    return parser


def _add_verify(commands: Any) -> None:
    verify = commands.add_parser(
        "verify",
        help="prove that backends give the same results as NumPy in float64",
        epilog="Exit status: 0 everything agrees, 1 something does not, 2 nothing was compared.",
    )
    add = verify.add_argument
    add("--backend", action="append", metavar="NAME", help="this backend only, with its device "
        "where that is not the default one: cupy:1; may be repeated (default: all)")  # fmt: skip
    add("--device", help="the device of the one backend that is named")
    add("--model", metavar="FILE.py:FACTORY", help="your own layer, loss or network: what the "
        "function returns, (layer, x), (loss, y_hat, y) or (network, x, y)")  # fmt: skip
    add("--case", action="append", metavar="NAME", help="only cases whose names begin so")
    add("--quick", action="store_true", help="one case for each public name, in float32")
    add("--seed", type=int, default=0, help="seed of all inputs (default: 0)")
    add("--json", metavar="FILE", help="write the report there, too")
    add("--html", metavar="FILE", help="write the report as a page for a browser")
    verify.set_defaults(run=_verify)


def _demo(options: argparse.Namespace) -> None:
    from portanet.demo import run

    run(options.backend, options.seed, options.plot)


def _doctor(options: argparse.Namespace) -> None:  # noqa: ARG001 - it has no options
    from portanet.doctor import report

    print(report())


def _verify(options: argparse.Namespace) -> int:
    from portanet.verify.command import verify

    return verify(options)
