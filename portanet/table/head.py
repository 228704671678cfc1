"""The first lines of a CSV file: its separator, its names, and what is wrong with them."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from portanet.errors import DataError, short
from portanet.table.read_options import ReadOptions
from portanet.table.words import counted, listed

SEPARATORS = (",", ";", "\t", "|")
ROW_NUMBERS = "row"  # the name of a first column without one, as pandas writes row numbers
_N_BYTES, _N_LINES = 1 << 20, 20


@dataclass(frozen=True)
class Head:
    """What the first lines say: rows are (number of the line, fields), `line` is that of names."""

    line: int
    separator: str
    names: list[str]
    has_header: bool
    rows: list[tuple[int, list[str]]]


def read_head(path: Path, options: ReadOptions) -> Head:
    """Return the separator, the names of the columns, and the first rows below them.

    Raises DataError if names are missing, stand twice or are numbers, if the first two lines differ
    in length, or if the file is no text.
    """
    text = _text(path, options.encoding)
    separator = options.separator or _separator(text)
    rows = _rows(text, separator, options.skip_lines)
    if not rows:
        raise DataError(f"{path}: there must be a line of names, and rows; all lines are empty")
    if options.header is False:
        names = [f"column{i}" for i in range(1, len(rows[0][1]) + 1)]
        return Head(0, separator, names, False, rows)
    names = [name.strip() for name in rows[0][1]]
    head = Head(rows[0][0], separator, [names[0] or ROW_NUMBERS, *names[1:]], True, rows[1:])
    _check_length(path, head)
    if options.header is None:
        _check_are_names(path, head)
    _check_distinct(path, head.names)
    return head


def is_number(text: str) -> bool:
    """Return whether a text is a number, with a decimal point or comma."""
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _text(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        content = file.read(_N_BYTES)
    if b"\0" in content:
        raise DataError(
            f"{path}: a CSV file must be text, has bytes of another kind; is it a workbook? Save "
            "it as CSV in UTF-8"
        )
    try:  # the last character may be cut
        return content.decode(encoding, errors="strict" if len(content) < _N_BYTES else "ignore")
    except LookupError as error:
        raise DataError(
            f"{path}: there is no encoding {short(encoding)}; utf-8, cp1252 …"
        ) from error
    except UnicodeDecodeError as error:
        raise not_decoded(path, encoding) from error


def not_decoded(path: Path, encoding: str) -> DataError:
    """Return the error for a file in another encoding."""
    name = "utf-8" if encoding == "utf-8-sig" else encoding
    return DataError(
        f"{path}: the file must be text in {name}, is in another encoding; if it was written on "
        "Windows try --encoding cp1252"
    )


def _separator(text: str) -> str:
    """Return the separator that cuts the first lines alike, of several the one that cuts more."""

    def score(separator: str) -> tuple[int, int]:
        lengths = Counter(len(row) for _, row in _rows(text, separator, ()))
        n_fields, n_lines = max(lengths.items(), key=lambda item: item[1], default=(1, 0))
        return (n_lines, n_fields) if n_fields > 1 else (0, 0)

    return max(SEPARATORS, key=score)


def _rows(text: str, separator: str, skip: tuple[int, ...]) -> list[tuple[int, list[str]]]:
    """Return the first rows that are not empty, each with the number of its line."""
    lines = enumerate(io.StringIO(text, newline=""), 1)
    kept = ("\n" if i in skip else line for i, line in lines)
    reader = csv.reader(kept, delimiter=separator, skipinitialspace=True)
    return [(reader.line_num, row) for row in islice(filter(any, reader), _N_LINES)]


def _check_length(path: Path, head: Head) -> None:
    """Raise DataError if the line of names has another length than the rows below it."""
    lengths = Counter(len(row) for _, row in head.rows)
    most = max(lengths.items(), key=lambda item: item[1])[0] if lengths else len(head.names)
    if most != len(head.names):
        raise DataError(
            f"{path}: line {head.line} must have the names of {counted(most, 'column')}, as the "
            f"lines below it, has {counted(len(head.names), 'field')}: {listed(head.names)}; if it "
            f"is a title above the names: --skip-lines {head.line}; if another separator is meant: "
            "--separator"
        )


def _check_are_names(path: Path, head: Head) -> None:
    """Raise DataError if names are numbers: half of them, or some beside a column's value."""
    numbers = [name for name in head.names if is_number(name)]
    values = [
        name for i, name in enumerate(head.names)
        if any(i < len(row) and row[i].strip() == name for _, row in head.rows)
    ]  # fmt: skip
    if len(numbers) * 2 >= len(head.names) or (numbers and values):
        skip = f"--skip-lines {head.line}"
        raise DataError(
            f"{path}: line {head.line} must have the names of the columns, has numbers: "
            f"{listed(numbers)}; if it is a stray line above the names: {skip}; if the file has no "
            "names: --header no (they are then column1, column2 …); if these are the names: "
            "--header yes"
        )


def _check_distinct(path: Path, names: list[str]) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1 and name]
    if twice:
        raise DataError(
            f"{path}: each column must have a name of its own, {listed(twice)} "
            f"{'stands' if len(twice) == 1 else 'stand'} there more than once; rename one of them"
        )
    empty = [str(i) for i, name in enumerate(names, 1) if not name]
    if empty:
        raise DataError(
            f"{path}: each column must have a name, those of number {', '.join(empty)} have none"
        )
