"""The values of a column: as numbers, or as texts with a code each."""

from typing import Any

import numpy as np

from portanet.backends._installing import WHERE, install
from portanet.errors import ArgumentError, DataError, short


def pandas() -> Any:
    """Return pandas. Raises ArgumentError if it is not installed."""
    try:
        import pandas  # pyright: ignore
    except ImportError as error:
        raise ArgumentError(
            f"table: tables are read by pandas, which is not installed; {WHERE} run: "
            f"{install('cli')}"
        ) from error
    return pandas


def numbers_of(series: Any) -> np.ndarray:
    """Return a column as float64, NaN where a value is missing; texts such as "1.5" are numbers.

    Raises DataError, with the first one and its row, if a value is no number or is infinite.
    """
    found = parsed_numbers(series)
    wrong = np.flatnonzero(np.isnan(found) & series.notna().to_numpy())
    wrong = wrong if len(wrong) else np.flatnonzero(np.isinf(found))
    if len(wrong):
        raise DataError(
            f"column {short(series.name)} must be finite numbers, has "
            f"{short(series.iloc[wrong[0]])} in row {wrong[0] + 1}; correct it, or say that it "
            "means a missing value (--missing)"
        )
    return found


def parsed_numbers(series: Any) -> np.ndarray:
    """Return a column as float64, NaN for all that is no number."""
    if getattr(series.dtype, "kind", "O") not in "biuf":
        series = pandas().to_numeric(series.astype(object), errors="coerce")
    return series.to_numpy(dtype="float64", na_value=np.nan)


def codes_of(series: Any) -> tuple[np.ndarray, list[Any]]:
    """Return a code for each row and the distinct values; the code of a missing value is -1.

    Raises DataError if the column holds lists or the like.
    """
    try:
        codes, values = pandas().factorize(series.astype(object))
    except TypeError as error:
        raise DataError(
            f"column {short(series.name)} must hold numbers or texts, holds lists or objects; "
            "leave it out (--drop)"
        ) from error
    return codes, [plain(value) for value in values]


def plain(value: Any) -> Any:
    """Return a value as one that JSON can hold: str without blanks around it, int, float, bool.

    >>> plain(" Oslo "), plain(np.float64(3.0)), plain(np.int64(3)), plain(np.bool_(True))
    ('Oslo', 3, 3, True)
    """
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, bool | int | float) else str(value).strip()


def texts_of(series: Any) -> tuple[np.ndarray, list[str]]:
    """Return codes as codes_of does, and the distinct values as texts: 3.0, 3 and "3" are "3"."""
    codes, values = codes_of(series)
    texts = [str(value) for value in values]
    order = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    again = np.array([*(order[text] for text in texts), -1])
    return again[codes], list(order)
