"""What a column holds: numbers, categories, or nothing that a network could use."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from portanet.errors import ArgumentError
from portanet.table.faults import check_text
from portanet.table.values import codes_of, numbers_of, parsed_numbers
from portanet.table.words import no_column

MAX_CATEGORIES = 100
_FEW = 20  # different texts, which may be a category each in any table
# why a column is left out
CONSTANT, EMPTY, DATES = "one value only", "no values", "dates"
ROW_NUMBERS, TEXTS, WISH = "row numbers", "too many different texts", "as asked for"


class Kinds(NamedTuple):
    """The kind of each column that is used, and why others are left out, by name."""

    used: dict[str, str]
    left_out: dict[str, str]


def kinds_of(frame: Any, target: str, wanted: Mapping[str, str]) -> Kinds:
    """Return what the columns of a table hold, all but the target.

    `wanted` are kinds ("number", "category", "drop") of columns by name, which are not looked for.
    Raises ArgumentError if there is no such column, or none is left; DataError if a column holds
    numbers and texts.
    """
    for name in wanted:
        if name not in frame.columns:
            raise ArgumentError(no_column("table", name, list(frame.columns)))
    used, left_out = {}, {}
    for name in frame.columns:
        if name != target:
            kind = wanted.get(name) or _kind_of(frame[name])
            kind = WISH if kind == "drop" else kind
            if kind == "number":
                numbers_of(frame[name])  # raises with the row of the file
            (used if kind in ("number", "category") else left_out)[name] = kind
    if not used:
        reasons = ", ".join(f"{name}: {why}" for name, why in left_out.items())
        raise ArgumentError(
            "table: there must be a column to learn from beside the target, there is none"
            + (f" ({reasons}); --number and --category take one all the same" if reasons else "")
        )
    return Kinds(used, left_out)


def _kind_of(series: Any) -> str:
    """Return "number" or "category", or why a column is left out."""
    known = series.dropna()
    if len(known) == 0:
        return EMPTY
    kind = getattr(series.dtype, "kind", "O")
    if kind in "Mm":
        return DATES
    if kind in "iuf" or (kind != "b" and not np.isnan(parsed_numbers(known)).any()):
        return _kind_of_numbers(series)
    check_text(series)
    n_texts = len(codes_of(known)[1])
    if n_texts == 1 and len(known) == len(series):
        return CONSTANT
    is_many = n_texts > MAX_CATEGORIES or (n_texts > _FEW and n_texts * 2 > len(known))
    return TEXTS if is_many else "category"


def _kind_of_numbers(series: Any) -> str:
    values = numbers_of(series)
    if len(values) > 2 and (np.diff(values) == 1).all() and values[0] in (0, 1):
        return ROW_NUMBERS
    is_constant = not np.isnan(values).any() and (values == values[0]).all()
    return CONSTANT if is_constant else "number"
