"""What is wrong with a column of text that was meant as numbers, in words that say what to do."""

import re
from typing import Any

import numpy as np

from portanet.errors import DataError, short
from portanet.table.values import parsed_numbers
from portanet.table.words import counted

_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")


def check_text(series: Any) -> None:
    """Raise DataError if a column has decimal commas, or if most of its values are numbers.

    A column with some numbers among its texts is one of categories.
    """
    values = series.dropna().astype(object)
    is_number = ~np.isnan(parsed_numbers(values))
    _check_commas(series, values.iloc[~is_number])
    n_numbers = int(is_number.sum())
    if n_numbers * 2 < len(values) or n_numbers == len(values):
        return
    place = int(np.flatnonzero(~is_number)[0])
    first, row = values.iloc[place], _row_of(series, place)
    raise DataError(
        f"column {short(series.name)} is mixed: {counted(n_numbers, 'number')} and "
        f"{counted(len(values) - n_numbers, 'text')}, the first is {short(first)} in row {row}; if "
        f"that means a missing value: --missing {_quoted(first)}; if the column holds categories: "
        f"--category {_quoted(series.name)}; else correct the file or leave the column out, --drop "
        f"{_quoted(series.name)}"
    )


def _check_commas(series: Any, texts: Any) -> None:
    """Raise DataError if most texts of a column are whole numbers with decimals after a comma."""
    found = [text for text in texts if isinstance(text, str) and _COMMA.fullmatch(text)]
    if found and len(found) * 2 >= len(texts):
        raise DataError(
            f"column {short(series.name)} has numbers with commas, such as {short(found[0])}; if "
            "these are decimal commas: --decimal ,; if the column holds categories: --category "
            f"{_quoted(series.name)}"
        )


def _row_of(series: Any, place: int) -> int:
    """Return the row, from 1, of a value among those that are not missing."""
    return int(np.flatnonzero(series.notna().to_numpy())[place]) + 1


def _quoted(text: Any) -> str:
    """Return a text as a shell takes it.

    >>> _quoted("n/a"), _quoted("petal width")
    ('n/a', "'petal width'")
    """
    from shlex import quote

    return quote(str(text))
