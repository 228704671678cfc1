"""NumPy's npz files: arrays of one length by name."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from portanet.errors import DataError
from portanet.table.read_options import ReadOptions
from portanet.table.values import pandas


def read_npz(path: Path, options: ReadOptions) -> Any:
    """Return an npz file as a data frame: arrays (N,) are columns, others are several.

    An array X of shape (N, 8, 8) gives X0 to X63. Raises DataError if arrays differ in length, hold
    Python objects (which only pickle reads), or the file is damaged.
    """
    arrays = _arrays(path)
    if len({len(array) if array.ndim else -1 for array in arrays.values()}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise DataError(
            f"{path}: all arrays must have a row for each sample, are {shapes}; save those that "
            "belong together: numpy.savez(path, X=X, y=y)"
        )
    parts = [_columns(name, array) for name, array in arrays.items()]
    if not parts:
        return pandas().DataFrame()
    frame = pandas().concat(parts, axis=1)
    if not frame.columns.is_unique:
        raise DataError(f"{path}: columns must have names of their own; rename an array")
    return frame.replace(list(options.missing), np.nan) if options.missing else frame


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):
        raise DataError(
            f"{path}: must be a file that numpy.savez(path, X=X, y=y) has written, is another"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        objects = (
            "holds Python objects" if "Object arrays" in str(error) else "is damaged, or another"
        )
        raise DataError(
            f"{path}: must be a file that numpy.savez(path, X=X, y=y) has written, with arrays of "
            f"numbers and texts; this one {objects}"
        ) from error


def _columns(name: str, array: np.ndarray) -> Any:
    flat = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    names = [name] if flat.shape[1] == 1 else [f"{name}{i}" for i in range(flat.shape[1])]
    return pandas().DataFrame(flat, columns=names)
