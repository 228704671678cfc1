"""CSV files, read by pandas; what pandas would pass over in silence is refused."""

import csv
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from portanet.errors import DataError, one_line, short
from portanet.table.head import Head, is_number, not_decoded, read_head
from portanet.table.read_options import ReadOptions
from portanet.table.values import pandas
from portanet.table.words import counted, listed


def read_csv(path: Path, options: ReadOptions) -> Any:
    """Return a CSV file as a data frame. Raises DataError, with the line, if it is no table."""
    head = read_head(path, options)
    _check_second_header(path, head)
    frame = _read(path, head, options)
    frame.columns = head.names
    if options.decimal == ",":
        _point_texts(frame)
    _check_repeated_header(path, frame, options)
    if frame.iloc[:, -1].isna().any():  # pandas fills lines that are too short
        _check_lengths(path, head, options)
    return frame


def _read(path: Path, head: Head, options: ReadOptions) -> Any:
    library = pandas()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", library.errors.ParserWarning)
            return library.read_csv(
                path, sep=head.separator, decimal=options.decimal, encoding=options.encoding,
                skiprows=[line - 1 for line in options.skip_lines], index_col=False,
                header=0 if head.has_header else None, names=list(range(len(head.names))),
                na_values=list(options.missing), skipinitialspace=True, low_memory=False,
            )  # fmt: skip
    except UnicodeDecodeError as error:
        raise not_decoded(path, options.encoding) from error
    except library.errors.EmptyDataError as error:
        raise DataError(f"{path}: there must be rows below the names, there are none") from error
    except (library.errors.ParserError, library.errors.ParserWarning) as error:
        raise DataError(f"{path}: {_plain(str(error)) or one_line(error)}") from error


def _point_texts(frame: Any) -> None:
    """Write numbers with a point in columns that hold texts, too, where pandas leaves the comma."""
    for name in frame.columns:
        if getattr(frame[name].dtype, "kind", "O") == "O":
            frame[name] = frame[name].str.replace(r"^\s*([+-]?\d+),(\d+)\s*$", r"\1.\2", regex=True)


def _plain(message: str) -> str:
    """Return pandas' words on a line that is too long in ours, "" for other words."""
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message)
    if not found:
        return ""
    return (
        f"line {found[2]} must have {found[1]} fields, has {found[3]}; put a field that has the "
        "separator in it in double quotes"
    )


def _check_second_header(path: Path, head: Head) -> None:
    """Raise DataError if the first row has texts above columns of numbers: units, names again."""
    if not head.has_header or len(head.rows) < 3:
        return
    (line, first), *others = head.rows
    places = [i for i in range(len(head.names)) if _is_above_numbers(i, first, others)]
    if places:
        raise DataError(
            f"{path}: line {line} must be a row, has texts ({listed(first[i] for i in places)}) "
            f"above numbers; if it is a second line of names or units: --skip-lines {line}; if "
            f"line {head.line} is a title: --skip-lines {head.line}; if they mean missing values: "
            "--missing with each of these texts"
        )


def _is_above_numbers(i: int, first: list[str], others: list[tuple[int, list[str]]]) -> bool:
    below = [row[i].strip() for _, row in others if i < len(row) and row[i].strip()]
    text = first[i].strip() if i < len(first) else ""
    are_numbers = len(below) > 1 and all(map(is_number, below))
    return bool(text) and any(map(str.isalpha, text)) and not is_number(text) and are_numbers


def _check_repeated_header(path: Path, frame: Any, options: ReadOptions) -> None:
    """Raise DataError if the names stand among the rows, as where files were joined."""
    if options.header is False:
        return
    names = list(frame.columns)
    same = [(frame[name] == name).to_numpy(dtype=bool, na_value=False) for name in names]
    rows = np.flatnonzero(np.all(same, axis=0))
    if len(rows):
        raise DataError(
            f"{path}: the names of the columns stand again in {counted(len(rows), 'row')}, the "
            f"first is row {rows[0] + 1}; were several files joined? Remove that line, or, where "
            f"no line is empty: --skip-lines {_line_of(int(rows[0]), options.skip_lines)}"
        )


def _line_of(row: int, skip: tuple[int, ...]) -> int:
    """Return the line of a row (from 0) below the names.

    >>> _line_of(0, ()), _line_of(0, (1, 3))
    (2, 4)
    """
    line, left = 0, row + 2
    while left:
        line += 1
        left -= line not in skip
    return line


def _check_lengths(path: Path, head: Head, options: ReadOptions) -> None:
    """Raise DataError if a line has fewer fields than there are columns."""
    n = len(head.names)
    with path.open(encoding=options.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=head.separator, skipinitialspace=True)
        for row in reader:
            if 0 < len(row) < n and any(row) and reader.line_num not in options.skip_lines:
                raise DataError(
                    f"{path}: line {reader.line_num} must have {n} fields, has {len(row)}: "
                    f"{short(row)}; is it cut, or no part of the table (--skip-lines "
                    f"{reader.line_num})?"
                )
