"""What is said of a table, of a run and of its scores: lines of text."""

from math import prod
from typing import Any

from portanet.errors import short
from portanet.table.category import Category
from portanet.table.fitting import Prepared
from portanet.table.number import Number
from portanet.table.preprocessing import Preprocessing
from portanet.table.target import Classes
from portanet.table.words import counted, listed

_MAX_CLASSES = 20  # lines of the table by class


def of_table(path: str, prepared: Prepared) -> list[str]:
    """Return what was found in a table, and what will be done with it."""
    fitted, n = prepared.preprocessing, len(prepared.validates)
    n_validation = int(prepared.validates.sum())
    columns = [prepared.frame[column.name] for column in fitted.columns]
    gaps = {column.name: int(column.isna().sum()) for column in columns}
    missing = ", ".join(f"{short(name)} in {counted(n, 'row')}" for name, n in gaps.items() if n)
    return [
        f"{path}: {counted(n, 'row')}",
        f"{_of_task(fitted)} ({prepared.why_task}{_otherwise(fitted)})",
        *of_columns(fitted),
        *([f"missing: {missing}; filled and marked"] if missing else []),
        f"rows: {n - n_validation:,} to train on, {n_validation:,} to validate on",
        f"network: {_sizes(prepared)}, on {prepared.network.backend.name}",
    ]


def _of_task(fitted: Preprocessing) -> str:
    target = fitted.target
    classes = f" of {len(target.classes)} classes" if isinstance(target, Classes) else ""
    return f"task: {target.task}{classes}, target {short(target.name)}"


def _otherwise(fitted: Preprocessing) -> str:
    """Return how to choose the other task where labels are numbers."""
    target = fitted.target
    if isinstance(target, Classes) and not any(isinstance(c, str | bool) for c in target.classes):
        return "; if that is a quantity: --task regression"
    return ""


def of_columns(fitted: Preprocessing) -> list[str]:
    """Return how many columns are used as what, and which are left out, why."""
    numbers = sum(isinstance(column, Number) for column in fitted.columns)
    categories = sum(isinstance(column, Category) for column in fitted.columns)
    kinds = [f"{counted(n, 'column')} of {what}" for n, what in
             ((numbers, "numbers"), (categories, "categories")) if n]  # fmt: skip
    by_reason: dict[str, list[str]] = {}
    for name, reason in fitted.left_out.items():
        by_reason.setdefault(reason, []).append(name)
    left_out = "; ".join(f"{listed(names)} ({reason})" for reason, names in by_reason.items())
    lines = [f"inputs: {len(fitted.features):,}, from {' and '.join(kinds)}"]
    return [*lines, f"left out: {left_out}"] if left_out else lines


def _sizes(prepared: Prepared) -> str:
    """Return the sizes of a network's layers, and how many numbers it learns."""
    fitted, network = prepared.preprocessing, prepared.network
    sizes = [len(fitted.features), *prepared.options.layers, fitted.target.n_outputs]
    n = sum(prod(parameter.value.shape) for parameter in network.parameters())
    return f"{'-'.join(map(str, sizes))}, {counted(n, 'parameter')}"


def of_run(about: dict[str, Any]) -> list[str]:
    """Return how long was trained, and which weights the network has."""
    n = len(about["history"])
    return [
        f"trained for {counted(n, 'epoch')}; the weights are those after epoch "
        f"{about['best_epoch']} (the first is 0)"
    ]


def of_scores(title: str, scores: dict[str, Any]) -> list[str]:
    """Return the line of a task's scores, beside the answer that needs no network."""
    rows = scores["rows"]
    if "accuracy" in scores:
        most = max(of_class["rows"] for of_class in scores["classes"]) / rows
        return [
            f"{title}: accuracy {scores['accuracy']:.3f} ({round(scores['accuracy'] * rows):,} of "
            f"{counted(rows, 'row')}; the most frequent class alone: {most:.3f}), log loss "
            f"{scores['log_loss']:.3f}, macro F1 {scores['macro_f1']:.3f}"
        ]
    r2 = "none" if scores["r2"] is None else f"{scores['r2']:.3f}"
    return [
        f"{title}: R² {r2}, root mean squared error {scores['rmse']:.4g} (the mean alone: "
        f"{scores['rmse_of_mean']:.4g}), mean absolute error {scores['mae']:.4g}, "
        f"{counted(rows, 'row')}"
    ]


def of_classes(scores: dict[str, Any]) -> list[str]:
    """Return precision, recall and rows of each class; nothing of a regression or of many."""
    classes = scores.get("classes", [])
    if not 0 < len(classes) <= _MAX_CLASSES:
        return []
    names = [str(of_class["class"]) for of_class in classes]
    width = max(map(len, [*names, "class"]))
    lines = [f"{'class':{width}}  precision  recall    rows"]
    for name, one in zip(names, classes, strict=True):
        precision, recall = (_share(one[key]) for key in ("precision", "recall"))
        lines.append(f"{name:{width}}  {precision:>9}  {recall:>6}  {one['rows']:6,}")
    return lines


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
