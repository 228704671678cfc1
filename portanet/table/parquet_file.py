"""Parquet files, read by pandas and pyarrow."""

from pathlib import Path
from typing import Any

import numpy as np

from portanet.backends._installing import WHERE, install
from portanet.errors import ArgumentError, DataError, one_line
from portanet.table.read_options import ReadOptions
from portanet.table.values import pandas


def read_parquet(path: Path, options: ReadOptions) -> Any:
    """Return a parquet file as a data frame; an index that has a name is a column."""
    try:
        import pyarrow  # noqa: F401 # pyright: ignore
    except ImportError as error:
        raise ArgumentError(
            f"{path}: parquet files need pyarrow, which is not installed; {WHERE} run: "
            f"{install('cli')}"
        ) from error
    try:
        frame = pandas().read_parquet(path, engine="pyarrow")
    except (ValueError, OSError) as error:  # pyarrow's errors are of these
        raise DataError(f"{path}: must be a parquet file; {one_line(error)}") from error
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    frame.columns = [str(name).strip() for name in frame.columns]
    return frame.replace(list(options.missing), np.nan) if options.missing else frame
