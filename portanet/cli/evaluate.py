"""`portanet evaluate`: how good a trained network's answers are."""

import argparse
from typing import Any

from portanet.cli.output import add_json, print_json
from portanet.cli.placing import add_place
from portanet.cli.predict import add_model, load
from portanet.cli.reading import add_table

_EPILOG = """\
examples:
  portanet evaluate iris.safetensors test.csv
  portanet evaluate iris.safetensors test.csv --json

Take rows that the network was not trained on: of its own rows it knows the answers. The rows that
training has validated on say a little too much good, too, as they have chosen the best epoch.
"""


def add(commands: Any) -> None:
    """Add the command."""
    evaluate = commands.add_parser("evaluate", help="how good a network's answers are",
                                   epilog=_EPILOG, description="Compare a network's answers with "
                                   "the target column of a table.")  # fmt: skip
    add_model(evaluate)
    add_table(evaluate)
    add_place(evaluate)
    add_json(evaluate)
    evaluate.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from portanet.cli.words import of_classes, of_scores

    model, frame = load(options)
    scores = model.evaluate(frame)
    if options.json:
        print_json({"model": options.model, "data": options.data, "task": model.task, **scores})
    else:
        print(*of_scores(options.data, scores), *of_classes(scores), sep="\n")
