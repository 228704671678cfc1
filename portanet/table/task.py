"""Is the target a class or a quantity?"""

from typing import Any

import numpy as np

from portanet.errors import DataError, short
from portanet.table.faults import check_text
from portanet.table.target import check_complete
from portanet.table.values import codes_of, numbers_of, parsed_numbers
from portanet.table.words import counted

TASKS = ("classification", "regression")
MAX_LABELS = 20  # different whole numbers that are still taken for labels


def task_of(series: Any, task: str | None = None) -> tuple[str, str]:
    """Return the task for a target, and why: what is wanted, or what its values say.

    Texts, and up to 20 whole numbers of which each comes twice on average, are labels; other
    numbers are a quantity.

    Raises DataError if values are missing, if all are the same, if numbers and texts are mixed, if
    nearly every row has a label of its own, or if texts are to be predicted as a quantity.
    """
    check_complete(series)
    is_number = not np.isnan(parsed_numbers(series)).any()
    is_text = not is_number or getattr(series.dtype, "kind", "O") == "b"
    if not is_number and task != "classification":
        check_text(series)
    _, values = codes_of(series)
    _check_varies(series, values, is_text)
    if task == "regression" and is_text:
        raise DataError(
            f"target {short(series.name)} must be numbers for --task regression, has "
            f"{short(values[0])}; leave --task out, or name another --target"
        )
    if task is not None:
        _check_labels(series, len(values), task)
        return task, "as asked for"
    holds = counted(len(values), f"different {'text' if is_text else 'number'}")
    if is_text:
        _check_labels(series, len(values), "classification")
        return "classification", f"{short(series.name)} holds {holds}"
    numbers = numbers_of(series)
    is_whole = bool((numbers == np.round(numbers)).all())
    if is_whole and len(values) <= MAX_LABELS and len(values) * 2 <= len(series):
        return "classification", f"{short(series.name)} holds {len(values)} different whole numbers"
    return "regression", f"{short(series.name)} holds {holds}"


def _check_varies(series: Any, values: list[Any], is_text: bool) -> None:
    if len(values) > 1:
        return
    what = "has one class only" if is_text else "is constant"
    raise DataError(
        f"target {short(series.name)} {what}, {short(values[0])} in each row, so there is nothing "
        "to learn; take rows with others, too, or name another --target"
    )


def _check_labels(series: Any, n_labels: int, task: str) -> None:
    if task == "classification" and n_labels * 2 > len(series):
        raise DataError(
            f"target {short(series.name)} must have classes that come again, has {n_labels:,} "
            f"different values in {counted(len(series), 'row')}; is it a name or a number of the "
            "row? Name another --target, or for numbers give --task regression"
        )
