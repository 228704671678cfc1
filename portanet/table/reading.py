"""A table from a file: CSV, parquet or NumPy's npz, by the file's suffix."""

from pathlib import Path
from typing import Any

from portanet.errors import ArgumentError, DataError
from portanet.table.csv_file import read_csv
from portanet.table.npz_file import read_npz
from portanet.table.parquet_file import read_parquet
from portanet.table.read_options import ReadOptions
from portanet.table.words import listed

_CSV = (".csv", ".tsv", ".txt")
SUFFIXES = (*_CSV, ".parquet", ".npz")


def read_table(path: str | Path, options: ReadOptions | None = None) -> Any:
    """Return a file as a data frame of pandas with distinct names of columns, all texts.

    Raises FileNotFoundError, IsADirectoryError; ArgumentError if the suffix is another, or a
    library is missing; DataError if the file is empty, damaged, or no table.
    """
    path, options = Path(path), options or ReadOptions()
    _check(path)
    if path.suffix.lower() in _CSV:
        frame = read_csv(path, options)
    else:
        frame = (read_parquet if path.suffix.lower() == ".parquet" else read_npz)(path, options)
    if len(frame) == 0 or len(frame.columns) == 0:
        raise DataError(f"{path}: there must be rows and columns, there are none")
    return frame


def _check(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file{_near(path)}")
    if path.is_dir():
        raise IsADirectoryError(f"{path} must be a file, is a folder")
    if path.suffix.lower() not in SUFFIXES:
        raise ArgumentError(
            f"{path}: a table must be a file {', '.join(SUFFIXES)}, "
            f"is {path.suffix or 'without a suffix'}; save it as CSV"
        )
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; it must have a line of names, and rows")


def _near(path: Path) -> str:
    """Return what else there is in the folder."""
    from portanet.guesses import near_names

    if not path.parent.is_dir():
        return f", and no folder {path.parent}"
    tables = [o.name for o in path.parent.iterdir() if o.suffix.lower() in SUFFIXES]
    stems = {name.rpartition(".")[0]: name for name in tables}
    near = [stems[stem] for stem in near_names(path.stem, stems)]
    return f"; like it {'is' if len(near) == 1 else 'are'} {listed(near)}" if near else ""
