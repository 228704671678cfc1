"""`portanet demo`."""

import argparse
from typing import Any

from portanet import backends


def add(commands: Any) -> None:
    """Add the command."""
    demo = commands.add_parser("demo", help="train the blog's networks on each available backend")
    demo.add_argument("--backend", action="append", metavar="NAME", help="this backend only "
                      f"({', '.join(backends.names())}); may be repeated")  # fmt: skip
    demo.add_argument(
        "--seed", type=int, default=0, help="seed of weights and shuffles (default: 0)"
    )
    demo.add_argument("--plot", default="portanet-demo.png", metavar="FILE",
                      help="file for the learning curves (default: %(default)s)")  # fmt: skip
    demo.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from portanet.demo import run

    run(options.backend, options.seed, options.plot)
