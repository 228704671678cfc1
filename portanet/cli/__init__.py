"""The command line: `portanet train data.csv --target y`, `predict`, `show`, `verify` and others.

`portanet --help` lists the commands; docs/command-line.md walks through them.
"""

from portanet.cli.program import main

__all__ = ["main"]
