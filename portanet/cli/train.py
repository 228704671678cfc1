"""`portanet train`: a network for a table."""

import argparse
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

from portanet.cli.output import add_force, add_json, ask_to_replace, print_json, remark
from portanet.cli.placing import add_place
from portanet.cli.reading import add_table, columns, table_of
from portanet.errors import ArgumentError

_EPILOG = """\
examples:
  portanet train iris.csv --target species
  portanet train prices.csv --target price --drop id --layers 128,64 --seed 1
  portanet train survey.csv --target answer --separator ';' --decimal , --missing '?'
  portanet train digits.npz --target y --backend torch -o digits.safetensors

What becomes of the table: a fifth of the rows is kept to validate on. Numbers are scaled to mean 0
and standard deviation 1, and gaps filled with the median; texts are categories (one input for
each), gaps filled with the most frequent one; a further input says where the gaps were. All of it
is fitted to the training rows and saved with the network, as JSON. Columns that say nothing are
left out, which is said.

The target is a class if it holds texts, or up to 20 different whole numbers; else a quantity.
"""


def add(commands: Any) -> None:
    """Add the command."""
    train = commands.add_parser("train", help="train a network on a table", epilog=_EPILOG,
                                description="Train a network on a table and save it.")  # fmt: skip
    add_table(train)
    target = train.add_argument("--target", required=True, metavar="COLUMN", help="what to predict")
    target.completer = columns  # pyright: ignore[reportAttributeAccessIssue]
    _add_kinds(train)
    _add_training(train)
    train.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where the model is saved (default: "
        "DATA.safetensors in this folder; learning curves beside it, .png)",
    )  # fmt: skip
    add_force(train)
    add_json(train)
    train.set_defaults(run=_run)


def _add_kinds(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group(
        "what columns hold, where that is not found out; each may be repeated"
    )
    for kind, words in (
        ("drop", "leave this column out"),
        ("category", "its values are categories, also if they are numbers"),
        ("number", "its values are numbers, also if they look like row numbers"),
    ):
        option = group.add_argument(
            f"--{kind}", action="append", default=[], metavar="COLUMN", help=words
        )
        option.completer = columns  # pyright: ignore[reportAttributeAccessIssue]


def _add_training(train: argparse.ArgumentParser) -> None:
    add = train.add_argument_group("training").add_argument
    add("--task", choices=["classification", "regression"], help="(default: found out)")
    add("--layers", type=_sizes, default=(64, 32), metavar="N,…", help="sizes of the hidden "
        "layers; none: a linear model (default: 64,32)")  # fmt: skip
    add("--epochs", type=int, default=200, metavar="N", help="at most (default: 200)")
    add("--early-stopping", type=int, default=20, metavar="N", help="end after so many epochs "
        "without a smaller validation loss, and keep the weights of the best one; 0: never "
        "(default: 20)")  # fmt: skip
    add("--learning-rate", type=float, default=1e-3, metavar="X", help="of Adam (default: 0.001)")
    add("--batch-size", type=int, default=32, metavar="N", help="rows in a step (default: 32)")
    add("--validation", type=float, default=0.2, metavar="SHARE", help="of the rows (default: 0.2)")
    add("--seed", type=int, default=0, metavar="N", help="of the split, the weights and the order "
        "of rows (default: 0)")  # fmt: skip
    add_place(train)


def _run(options: argparse.Namespace) -> None:
    from portanet.checkpoint_file import check_target
    from portanet.cli.progress import Epochs
    from portanet.cli.words import of_table
    from portanet.table.fitting import prepare, train

    output = _output(options)
    say = remark if options.json else print
    prepared = prepare(table_of(options), options.target, _train_options(options))
    for line in of_table(options.data, prepared):
        say(line)
    check_target(output)
    drawing = _drawing(output.with_suffix(".png"), say)
    curves = [callback.path for callback in drawing]
    ask_to_replace("train", [output, *curves], force=options.force)
    model = train(prepared, [Epochs(options.epochs)])
    model.about["missing"] = options.missing
    model.save(output)
    for callback in drawing:
        callback.draw(model.about["history"])
    _report(options, model, output, curves)


def _output(options: argparse.Namespace) -> Path:
    output = options.output or Path(Path(options.data).with_suffix(".safetensors").name)
    if output.suffix != ".safetensors":
        raise ArgumentError(f"train: the output must be a file .safetensors, is {output}")
    return output


def _train_options(options: argparse.Namespace) -> Any:
    from portanet.table import TrainOptions

    kinds = {
        name: kind for kind in ("drop", "category", "number") for name in getattr(options, kind)
    }
    return TrainOptions(
        options.task, kinds, options.validation, options.layers, options.epochs,
        options.early_stopping, options.batch_size, options.learning_rate, options.seed,
        options.backend, options.device,
    )  # fmt: skip


def _drawing(path: Path, say: Callable[[str], None]) -> list[Any]:
    """Return what draws learning curves; say so if matplotlib is not installed."""
    from portanet.callbacks import LearningCurves

    try:
        return [LearningCurves(path)]
    except ArgumentError as error:
        say(f"no learning curves: {error}")
        return []


def _report(options: argparse.Namespace, model: Any, output: Path, curves: list[Path]) -> None:
    """Print what came out, as text or as JSON."""
    about = model.about
    if options.json:
        found = {name: about[name] for name in ("rows", "best_epoch", "scores")}
        target, n_epochs = model.preprocessing.target.name, len(about["history"])
        print_json({
            "model": str(output), "curves": str(curves[0]) if curves else None, "task": model.task,
            "target": target, "left_out": model.preprocessing.left_out, "epochs": n_epochs, **found,
        })  # fmt: skip
        return
    from portanet.cli.words import of_run, of_scores

    print(*of_run(about), *of_scores("validation", about["scores"]), sep="\n")
    print(f"saved: {output} (the network, its preprocessing and scores)", *curves, sep=", ")
    print(f"next: portanet predict {quote(str(output))} NEW{Path(options.data).suffix}")


def _sizes(text: str) -> tuple[int, ...]:
    if text == "none":
        return ()
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"must be whole numbers such as 64,32, or none; is {text!r}"
        ) from error
