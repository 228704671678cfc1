"""What the file of a model holds: facts, and the lines that say them."""

import os
from math import prod
from typing import Any

from portanet.checkpoint_file import read
from portanet.checkpoint_header import read_header
from portanet.checkpoint_model import load_model
from portanet.cli.words import of_classes, of_columns, of_run, of_scores
from portanet.errors import CheckpointError, short
from portanet.table.model import KEY
from portanet.table.number import Number
from portanet.table.preprocessing import Preprocessing
from portanet.table.target import Classes
from portanet.table.words import listed

_LAST_EPOCHS = 5


def facts_of(path: str) -> dict[str, Any]:
    """Return what a file holds, as JSON can hold it.

    `table` is what TableModel has saved, None of other files; `not_made` says why the network could
    not be made from the file. Raises OSError, or CheckpointError if the file is damaged.
    """
    content = read(path, "show")
    with open(path, "rb") as file:
        _, metadata = read_header(file, os.fstat(file.fileno()).st_size)
    arrays = {n.partition("/")[2]: a for n, a in content.arrays.items() if n.startswith("model/")}
    of_table = isinstance(content.extra, dict) and isinstance(content.extra.get(KEY), dict)
    return {
        "model": path,
        "format": metadata.get("format"),
        "portanet": metadata.get("portanet"),
        "arrays": {n: {"dtype": str(a.dtype), "shape": a.shape} for n, a in arrays.items()},
        "parts": content.numbers,
        **_network(path),
        "table": content.extra[KEY] if of_table else None,
        "extra": None if of_table else content.extra,
    }


def _network(path: str) -> dict[str, Any]:
    try:
        network = load_model(path)
    except CheckpointError as error:
        return {"network": None, "not_made": str(error)}
    layers, criterion = getattr(network, "layers", [network]), getattr(network, "criterion", None)
    rows = [{"layer": repr(layer), "parameters": _count(layer)} for layer in layers]
    loss = None if criterion is None else repr(criterion)
    return {"network": {"layers": rows, "loss": loss, "parameters": _count(network)}}


def _count(part: Any) -> int:
    return sum(prod(parameter.value.shape) for parameter in part.parameters())


def lines_of(facts: dict[str, Any]) -> list[str]:
    """Return the facts as lines of text."""
    parts = f"; with {listed(facts['parts'])}" if facts["parts"] else ""
    lines = [f"{facts['model']}: {facts['format']}, by portanet {facts['portanet']}{parts}", ""]
    lines += _of_network(facts)
    if facts["table"] is not None:
        return lines + _of_table(facts["table"])
    history = facts["parts"].get("trainer", {}).get("history", [])
    return lines + _of_history(history)


def _of_network(facts: dict[str, Any]) -> list[str]:
    network = facts["network"]
    if network is None:
        arrays = [
            f"{name} {of['dtype']} {tuple(of['shape'])}" for name, of in facts["arrays"].items()
        ]
        return [facts["not_made"], "arrays", *(f"  {words}" for words in arrays)]
    rows = [(row["layer"], row["parameters"]) for row in network["layers"]]
    rows += [(f"loss {network['loss']}", None)] if network["loss"] else []
    rows.append(("in all", network["parameters"]))
    width = max(len(words) for words, _ in rows)
    lines = [
        f"  {words:{width}}  {'' if n is None else f'{n:,}':>12}".rstrip() for words, n in rows
    ]
    return [f"  {'layer':{width}}  {'parameters':>12}", *lines]


def _of_table(table: dict[str, Any]) -> list[str]:
    fitted = Preprocessing.from_json(table["preprocessing"])
    versions = ", ".join(f"{name} {version}" for name, version in table["versions"].items())
    return [
        "",
        *of_scores("validation", table["scores"]),
        *of_classes(table["scores"]),
        "",
        *of_run(table),
        *_of_history(table["history"]),
        f"made by {versions}; {_options(table['options'])}",
        "",
        *of_columns(fitted),
        *(f"  {_column(column)}" for column in fitted.columns),
        f"target: {_target(fitted.target)}",
    ]


def _column(column: Any) -> str:
    marked = "; marked where missing" if column.missing else ""
    if isinstance(column, Number):
        words = f"(x - {column.mean:.6g}) / {column.std:.6g}, gaps {column.median:.6g}"
    else:
        words = f"one of {listed(column.categories, 10)}, gaps {short(column.most_frequent)}"
    return f"{short(column.name)}: {words}{marked}"


def _target(target: Any) -> str:
    if isinstance(target, Classes):
        return f"{short(target.name)}, one of {listed(target.classes, 20)}"
    return f"{short(target.name)}, {target.mean:.6g} + {target.std:.6g} times the network's output"


def _options(options: dict[str, Any]) -> str:
    shown = ("seed", "layers", "learning_rate", "batch_size", "backend")
    return ", ".join(f"{name.replace('_', ' ')} {options[name]}" for name in shown)


def _of_history(history: list[dict[str, float]]) -> list[str]:
    """Return the first epoch and the last ones as a table."""
    if not history:
        return []
    names = list(history[0])
    rows = {i: history[i] for i in sorted({0, *range(len(history))[-_LAST_EPOCHS:]})}
    lines = ["  epoch  " + "  ".join(f"{name:>10}" for name in names)]
    for i, row in rows.items():
        lines.append(
            f"  {i:5}  " + "  ".join(f"{row[name]:10.4f}" if name in row else "" for name in names)
        )
    return lines
