"""What to do with a column of a data frame that holds no numbers, in its library's words."""

from typing import Any

import numpy as np

DATES = "subtract a start and divide by a unit, such as numpy.timedelta64(1, 'D')"


def advice(name: str, frame: Any, label: Any, column: np.ndarray, is_category: bool) -> str:
    """Return how a column of dates, lists, text or categories becomes numbers."""
    this = f"{name}[{label!r}]"
    if column.dtype.kind in "mM":
        return f"Of dates {DATES}"
    if column.ndim > 1:
        return f"Give its numbers as columns: numpy.stack({this})"
    values = [v for v in column if v is not None]
    lengths = sorted({len(v) for v in values if isinstance(v, list | tuple | np.ndarray)})
    if len(lengths) == 1:
        return f"Give its numbers as columns: numpy.stack({this})"
    if lengths:
        return (
            f"Its rows hold {lengths[0]} to {lengths[-1]} numbers: pad or cut them to one length, "
            "and give them as columns"
        )
    if is_category or any(isinstance(v, str) for v in values):
        return _of_categories(name, frame, label, is_category)
    return f"Make numbers of it, for example with {this}.astype('float64')"


def _of_categories(name: str, frame: Any, label: Any, is_category: bool) -> str:
    this = f"{name}[{label!r}]"
    if hasattr(frame, "iloc"):
        codes = f"{this}.cat.codes" if is_category else f"pandas.factorize({this})[0]"
        dummies = f"pandas.get_dummies({name}, columns=[{label!r}])"
    elif hasattr(frame, "to_dummies"):  # of polars
        codes = f"{this}.to_physical()" if is_category else f"{this}.rank('dense')"
        dummies = f"{name}.to_dummies({label!r})"
    else:
        return "Encode that column as numbers"
    return f"Encode it as numbers: {codes} for an Embedding, or {dummies}"
