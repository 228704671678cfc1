"""`portanet predict`: answers for the rows of a table."""

import argparse
import sys
from pathlib import Path
from typing import Any

from portanet.cli.completion import model_files
from portanet.cli.output import add_force, add_json, ask_to_replace, print_json, remark
from portanet.cli.placing import add_place
from portanet.cli.reading import add_table, table_of
from portanet.errors import ArgumentError

_EPILOG = """\
examples:
  portanet predict iris.safetensors new.csv          prints CSV: a column, a line for each row
  portanet predict iris.safetensors new.csv --probabilities -o answers.csv
  portanet predict prices.safetensors houses.parquet --keep id -o answers.parquet

Categories that training did not have count as none of the known ones; gaps are filled as in
training. Both are said on standard error. Columns that training did not use are ignored, the target
among them.
"""


def add(commands: Any) -> None:
    """Add the command."""
    predict = commands.add_parser("predict", help="answers of a trained network for a table's rows",
                                  epilog=_EPILOG, description="Print or write the answers of a "
                                  "network that portanet train has saved.")  # fmt: skip
    add_model(predict)
    add_table(predict)
    add = predict.add_argument
    add("-o", "--output", type=Path, metavar="FILE", help=".csv or .parquet (default: print CSV)")
    add("--probabilities", action="store_true", help="a further column for each class")
    add("--keep", action="append", default=[], metavar="COLUMN", help="repeat this column of the "
        "table beside the answers; may be repeated")  # fmt: skip
    add_place(predict)
    add_force(predict)
    add_json(predict)
    predict.set_defaults(run=_run)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the file of the model."""
    model = parser.add_argument(
        "model", metavar="MODEL", help="a file that portanet train has saved"
    )
    model.completer = model_files  # pyright: ignore[reportAttributeAccessIssue]


def load(options: argparse.Namespace) -> tuple[Any, Any]:
    """Return the model and the table that the options name; remarks on its rows are printed."""
    from portanet.table import TableModel

    model = TableModel.load(options.model, backend=options.backend, device=options.device)
    frame = table_of(options, tuple(model.about.get("missing", ())))
    for words in model.preprocessing.remarks(frame):
        remark(f"{options.data}: {words}")
    return model, frame


def _run(options: argparse.Namespace) -> None:
    from portanet.checkpoint_file import check_target
    from portanet.table.words import counted

    output = options.output
    if output is not None and output.suffix not in (".csv", ".parquet"):
        raise ArgumentError(f"predict: the output must be a file .csv or .parquet, is {output}")
    if output is not None:
        check_target(output)
        ask_to_replace("predict", [output], force=options.force)
    model, frame = load(options)
    answers = _answers(model, frame, options)
    if options.json:
        print_json(answers.to_dict(orient="records"))
    elif output is None:
        answers.to_csv(sys.stdout, index=False, lineterminator="\n")
    if output is not None:
        _write(answers, output)
        remark(f"{counted(len(answers), 'answer')}: {output}")


def _answers(model: Any, frame: Any, options: argparse.Namespace) -> Any:
    """Return a data frame of kept columns, answers and probabilities."""
    from portanet.table.words import no_column

    for name in options.keep:
        if name not in frame.columns:
            raise ArgumentError(no_column(options.data, name, list(frame.columns)))
    answers = frame[options.keep].copy()
    name = model.preprocessing.target.name
    answers[f"predicted {name}" if name in options.keep else name] = model.predict(frame)
    if options.probabilities:
        probabilities = model.predict_proba(frame)
        for i, label in enumerate(model.classes):
            answers[f"probability of {label}"] = probabilities[:, i]
    return answers


def _write(answers: Any, path: Path) -> None:
    """Write a file whole, or leave the one that is there."""
    from portanet.atomic_file import replace_file

    to = answers.to_parquet if path.suffix == ".parquet" else answers.to_csv
    replace_file("predict", path, lambda file: to(file, index=False))
