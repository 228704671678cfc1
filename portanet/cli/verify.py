"""`portanet verify`."""

import argparse
from typing import Any

_EPILOG = """\
examples:
  portanet verify --quick                       one case for each public name, in float32
  portanet verify --backend torch --case conv   convolutions, on PyTorch beside NumPy
  portanet verify --model mine.py:make          a layer, loss or network of your own
  portanet verify --distributed -n 4            4 ranks, started here, beside one

exit status: 0 everything agrees, 1 something does not, 2 nothing was compared
"""


def add(commands: Any) -> None:
    """Add the command."""
    verify = commands.add_parser(
        "verify",
        help="prove that backends give the same results as NumPy in float64",
        epilog=_EPILOG,
    )
    add = verify.add_argument
    add("--backend", action="append", metavar="NAME", help="this backend only, with its device "
        "where that is not the default one: cupy:1; may be repeated (default: all)")  # fmt: skip
    add("--device", help="the device of the one backend that is named")
    add("--model", metavar="FILE.py:FACTORY", help="your own layer, loss or network: what the "
        "function returns, (layer, x), (loss, y_hat, y) or (network, x, y)")  # fmt: skip
    add("--case", action="append", metavar="NAME", help="only cases whose names begin so")
    add("--distributed", action="store_true", help="train small networks on several ranks, and "
        "compare with one: on numpy by MPI, or with --backend cupy by NCCL")  # fmt: skip
    add("-n", type=int, metavar="RANKS", help="how many ranks (default: 2)")
    add("--quick", action="store_true", help="one case for each public name, in float32")
    add("--seed", type=int, default=0, help="seed of all inputs (default: 0)")
    add("--json", metavar="FILE", nargs="?", const="-", help="print the report as JSON instead of "
        "the table; with a file: write it there, too")  # fmt: skip
    add("--html", metavar="FILE", help="write the report as a page for a browser")
    verify.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from portanet.verify.command import verify

    return verify(options)
