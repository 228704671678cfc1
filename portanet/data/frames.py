"""Data frames as arrays of numbers, whatever the dtypes of their columns."""

from typing import Any

import numpy as np

from portanet.errors import DtypeError


def is_frame(x: Any) -> bool:
    """Return whether x is a data frame or a column of one, of pandas or of a library like it."""
    return any(hasattr(x, name) for name in ("iloc", "collect", "columns"))


def frame_to_numpy(name: str, frame: Any) -> np.ndarray:
    """Return a frame's columns side by side, in the dtype that holds them all.

    Missing numbers become NaN. Raises DtypeError, which names the column, if one is no numbers.
    """
    if not hasattr(frame, "iloc"):
        return _of_columns_by_name(name, frame)
    if frame.ndim == 1:
        return _column(frame)
    columns = [_column(frame.iloc[:, i]) for i in range(frame.shape[1])]
    for label, column in zip(frame.columns, columns, strict=True):
        _check_column(name, label, column.dtype, f"{name}.drop(columns={label!r})")
    return np.column_stack(columns) if columns else np.empty(frame.shape)


def _of_columns_by_name(name: str, frame: Any) -> np.ndarray:
    """Return a frame that NumPy can read as a whole (polars, pyarrow …).

    The columns are looked at first: as a whole polars makes numbers of days, and objects of text.
    """
    if hasattr(frame, "collect"):
        raise DtypeError(
            f"Dataset: {name} must be an array or a data frame, is a {type(frame).__name__}, whose "
            f"columns are not computed yet; call {name}.collect()"
        )
    labels = getattr(frame, "column_names", frame.columns) if hasattr(frame, "__getitem__") else ()
    for label in labels:
        _check_column(name, label, np.asarray(frame[label]).dtype, f"drop({label!r})")
    return np.asarray(frame)


def _column(series: Any) -> np.ndarray:
    """Return a column of pandas; nullable dtypes (Int64, boolean, Float64) become NumPy's."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype) or getattr(dtype, "kind", "O") not in "biuf":
        return series.to_numpy()
    if series.isna().any():
        return series.to_numpy(dtype="float64", na_value=np.nan)
    return series.to_numpy(dtype=getattr(dtype, "numpy_dtype", "float64"))


def _check_column(name: str, label: Any, dtype: np.dtype, without: str) -> None:
    if dtype.kind not in "biuf":
        raise DtypeError(
            f"Dataset: {name} must hold real numbers; its column {label!r} is of dtype {dtype}. "
            f"Encode that column as numbers, or leave it out with {without}"
        )
