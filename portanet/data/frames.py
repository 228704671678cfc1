"""Data frames as arrays of numbers, whatever the dtypes of their columns."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from portanet.data.columns import advice
from portanet.errors import DataError, DtypeError

_EXACT = 2**53  # float64 holds all integers up to here


def is_frame(x: Any) -> bool:
    """Return whether x is a data frame or a column of one, of pandas or of a library like it."""
    return any(hasattr(x, name) for name in ("iloc", "collect", "columns"))


def frame_to_numpy(name: str, frame: Any) -> np.ndarray:
    """Return a frame's columns side by side, in the dtype that holds them all.

    Raises DtypeError, which names the column, if one is no numbers, and DataError if numbers are
    missing, not finite, or integers that the common dtype would round.
    """
    if hasattr(frame, "collect"):
        raise DtypeError(
            f"Dataset: {name} must be an array or a data frame, is a {type(frame).__name__}, whose "
            f"columns are not computed yet; call {name}.collect()"
        )
    if hasattr(frame, "iloc") and frame.ndim == 1:
        return _of_pandas(frame)
    if not hasattr(frame, "iloc") and not hasattr(frame, "__getitem__"):
        return np.asarray(frame)
    columns = list(_columns(frame))
    for label, column, dtype in columns:
        _check_numbers(name, frame, label, column, dtype)
    _check_finite(name, columns)
    arrays = [column for _, column, _ in columns]
    if not arrays:
        return np.empty(frame.shape)
    _check_exact(name, columns, np.result_type(*arrays))
    return np.column_stack(arrays)


def _columns(frame: Any) -> Iterator[tuple[Any, np.ndarray, Any]]:
    """Yield each column's label, its numbers, and what its own library calls its dtype.

    One by one: as a whole polars makes numbers of days, and objects of text.
    """
    if hasattr(frame, "iloc"):  # labels may repeat
        for i, label in enumerate(frame.columns):
            series = frame.iloc[:, i]
            yield label, _of_pandas(series), series.dtype
        return
    for label in getattr(frame, "column_names", frame.columns):
        column = frame[label]
        array = np.asarray(column)
        yield label, array, getattr(column, "dtype", getattr(column, "type", array.dtype))


def _of_pandas(series: Any) -> np.ndarray:
    """Return a column of pandas; nullable dtypes (Int64, boolean, Float64) become NumPy's."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype) or getattr(dtype, "kind", "O") not in "biuf":
        return series.to_numpy()
    if series.isna().any():
        return series.to_numpy(dtype="float64", na_value=np.nan)
    return series.to_numpy(dtype=getattr(dtype, "numpy_dtype", "float64"))


def _check_numbers(name: str, frame: Any, label: Any, column: np.ndarray, dtype: Any) -> None:
    is_category = str(dtype).startswith(("category", "Categorical", "Enum", "dictionary"))
    if column.dtype.kind in "biuf" and column.ndim == 1 and not is_category:
        return
    came = str(dtype) if str(dtype) != "object" else _of_objects(column)
    without = f"columns={label!r}" if hasattr(frame, "iloc") else f"{label!r}"
    raise DtypeError(
        f"Dataset: {name} must hold real numbers; its column {label!r} is of dtype {came}. "
        f"{advice(name, frame, label, column, is_category)}, or leave it out with "
        f"{name}.drop({without})"
    )


def _of_objects(column: np.ndarray) -> str:
    kinds = sorted({type(value).__name__ for value in column.reshape(-1)})
    return f"object: {' and '.join(kinds[:3])}"


def _check_finite(name: str, columns: list[tuple[Any, np.ndarray, Any]]) -> None:
    bad = {
        label: int(np.sum(~np.isfinite(column)))
        for label, column, _ in columns
        if column.dtype.kind == "f"
    }
    bad = {label: n for label, n in bad.items() if n}
    if bad:
        where = ", ".join(f"{label!r}: {n}" for label, n in list(bad.items())[:5])
        raise DataError(
            f"Dataset: {name} must be finite, {sum(bad.values())} of its numbers are NaN or "
            f"infinite, or missing (by column, {where}); drop or fill those rows first"
        )


def _check_exact(name: str, columns: list[tuple[Any, np.ndarray, Any]], dtype: np.dtype) -> None:
    """Raise DataError if integers would be rounded beside columns of another dtype."""
    for label, column, _ in columns:
        if dtype.kind == "f" and column.dtype.kind in "iu" and column.size:
            largest = max(int(column.max()), int(column.min()), key=abs)
            if abs(largest) > _EXACT:
                raise DataError(
                    f"Dataset: {name} must hold integers that {dtype}, the dtype of all columns "
                    f"together, can hold; its column {label!r} holds {largest}. Leave out what is "
                    f"a name and no number, or cast it with {name}[{label!r}].astype('float64')"
                )
