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
    is_text = _is_text(series, task)
    _, values = codes_of(series)
    _check_varies(series, values, is_text)
    found, why = (task, "as asked for") if task else _found_out(series, len(values), is_text)
    if found == "classification":
        _check_labels(series, len(values))
    elif is_text:
        raise DataError(
            f"target {short(series.name)} must be numbers for --task regression, has "
            f"{short(values[0])}; leave --task out, or name another --target"
        )
    return found, why


def _is_text(series: Any, task: str | None) -> bool:
    """Return whether values are texts or truth values. Raises DataError if some are numbers."""
    is_number = not np.isnan(parsed_numbers(series)).any()
    if not is_number and task != "classification":
        check_text(series)
    return not is_number or getattr(series.dtype, "kind", "O") == "b"


def _found_out(series: Any, n_values: int, is_text: bool) -> tuple[str, str]:
    holds = f"{short(series.name)} holds {n_values:,} different"
    if is_text:
        return "classification", f"{holds} texts"
    numbers = numbers_of(series)
    is_whole = bool((numbers == np.round(numbers)).all())
    if is_whole and n_values <= MAX_LABELS and n_values * 2 <= len(series):
        return "classification", f"{holds} whole numbers"
    return "regression", f"{holds} numbers"


def _check_varies(series: Any, values: list[Any], is_text: bool) -> None:
    if len(values) > 1:
        return
    what = "has one class only" if is_text else "is constant"
    raise DataError(
        f"target {short(series.name)} {what}, {short(values[0])} in each row, so there is nothing "
        "to learn; take rows with others, too, or name another --target"
    )


def _check_labels(series: Any, n_labels: int) -> None:
    if n_labels * 2 > len(series):
        raise DataError(
            f"target {short(series.name)} must have classes that come again, has {n_labels:,} "
            f"different values in {counted(len(series), 'row')}; is it a name or a number of the "
            "row? Name another --target, or for numbers give --task regression"
        )
