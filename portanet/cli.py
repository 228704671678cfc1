"""The command line: `portanet demo` and `portanet doctor` (also `python -m portanet …`)."""

import argparse
import sys
from collections.abc import Sequence

from portanet import backends
from portanet._version import __version__
from portanet.errors import PortanetError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 2 after printing what is wrong."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except PortanetError as error:
        print(f"portanet: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="portanet", description="A neural-network library that you can read."
    )
    parser.add_argument("--version", action="version", version=f"portanet {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="train the blog's networks on each available backend")
    demo.add_argument("--backend", action="append", metavar="NAME", help="only this one "
                      f"({', '.join(backends.names())}); may be given several times")  # fmt: skip
    demo.add_argument("--seed", type=int, default=0, help="of weights and shuffles (default: 0)")
    demo.add_argument("--plot", default="portanet-demo.png", metavar="FILE",
                      help="where to save the learning curves (default: %(default)s)")  # fmt: skip
    demo.set_defaults(run=_demo)

    doctor = commands.add_parser("doctor", help="say which backends work here, and why others not")
    doctor.set_defaults(run=_doctor)
    return parser


def _demo(options: argparse.Namespace) -> None:
    from portanet.demo import run

    run(options.backend, options.seed, options.plot)


def _doctor(options: argparse.Namespace) -> None:  # noqa: ARG001 - it has no options
    from portanet.doctor import report

    print(report())
