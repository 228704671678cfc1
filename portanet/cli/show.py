"""`portanet show`: what is in the file of a model."""

import argparse
from typing import Any

from portanet.cli.completion import model_files
from portanet.cli.output import add_json, print_json

_EPILOG = """\
examples:
  portanet show iris.safetensors            layers, scores, history, what becomes of each column
  portanet show iris.safetensors --json     all of it, the preprocessing included

Files of portanet.save are shown, too, without a table's preprocessing.
"""


def add(commands: Any) -> None:
    """Add the command."""
    show = commands.add_parser("show", help="what is in the file of a model", epilog=_EPILOG,
                               description="Print what a file of portanet train or portanet.save "
                               "holds.")  # fmt: skip
    model = show.add_argument("model", metavar="MODEL", help="a file .safetensors")
    model.completer = model_files  # pyright: ignore[reportAttributeAccessIssue]
    add_json(show)
    show.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from portanet.cli.shown import facts_of, lines_of

    facts = facts_of(options.model)
    if options.json:
        print_json(facts)
    else:
        print(*lines_of(facts), sep="\n")
