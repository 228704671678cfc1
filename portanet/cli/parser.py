"""The parser of all commands.

argparse, since `doctor`, `demo` and `verify` must run on the three packages that portanet needs;
the extra `cli` (pandas, tqdm, argcomplete) is asked for by the commands that read tables.
"""

import argparse
import re
from typing import NoReturn

from portanet._version import __version__
from portanet.cli.bench import add as bench
from portanet.cli.demo import add as demo
from portanet.cli.doctor import add as doctor
from portanet.cli.evaluate import add as evaluate
from portanet.cli.predict import add as predict
from portanet.cli.show import add as show
from portanet.cli.train import add as train
from portanet.cli.verify import add as verify
from portanet.guesses import near_names

_EPILOG = """\
examples:
  portanet train iris.csv --target species      a network, without a line of code
  portanet predict iris.safetensors new.csv     its answers for other rows
  portanet verify --quick                       do the backends of this machine agree?
  portanet COMMAND --help                       options and examples of a command

exit status: 0 fine; 1 verify found a disagreement, or the reader of a pipe has gone; 2 misuse or
unsuitable data, with a message; 130 Ctrl-C

completion of commands, options, files and columns, in bash or zsh (extra cli):
  eval "$(register-python-argcomplete portanet)"
"""


class Parser(argparse.ArgumentParser):
    """argparse's, with examples that keep their lines, and near names for a wrong command."""

    def __init__(self, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)  # pyright: ignore[reportArgumentType]

    def error(self, message: str) -> NoReturn:
        """Print the message, what is near, and where the options are listed; exit with 2."""
        found = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        near = near_names(found[1], re.findall(r"[\w-]+", found[2])) if found else []
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        self.exit(2, f"{self.prog}: {message}{hint}; see {self.prog} --help\n")


def parser() -> Parser:
    """Return the parser; a command's function is `run` of what it returns."""
    found = Parser(
        prog="portanet", description="A neural-network library that you can read.", epilog=_EPILOG
    )
    found.add_argument("--version", action="version", version=f"portanet {__version__}")
    commands = found.add_subparsers(required=True, metavar="COMMAND")
    for add in (train, predict, evaluate, show, verify, bench, demo, doctor):
        add(commands)
    return found
