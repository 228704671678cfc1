"""The options --backend and --device."""

import argparse
from typing import Any

from portanet import backends


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--backend", default="numpy", metavar="NAME", help="where the network "
                        f"computes: {', '.join(backends.names())} (default: numpy)")  # fmt: skip
    parser.add_argument("--device", type=device, help="a device of the backend, such as 0 or cpu")


def device(text: str) -> Any:
    """Return a device as its backend takes it: CuPy's are numbers, others are names.

    >>> device("1"), device("cuda:1")
    (1, 'cuda:1')
    """
    return int(text) if text.isdecimal() else text
