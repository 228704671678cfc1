"""The options of files with tables, and the tables."""

import argparse
from typing import Any

from portanet.cli.completion import data_files
from portanet.errors import PortanetError


def add_table(parser: argparse.ArgumentParser) -> None:
    """Add the file and the options that say how it is read."""
    data = parser.add_argument("data", metavar="DATA", help="a table: .csv, .tsv, .txt, .parquet, "
                               "or .npz with arrays of one length")  # fmt: skip
    data.completer = data_files  # pyright: ignore[reportAttributeAccessIssue]
    group = parser.add_argument_group("how the file is read")
    add = group.add_argument
    add("--missing", action="append", default=[], metavar="TEXT", help="a text that means a "
        "missing value, such as ?; may be repeated (known: empty, NA, NaN, null …)")  # fmt: skip
    add("--separator", metavar="CHARACTER", type=_separator,
        help="between fields of a CSV file; tab for a tabulator (default: found out)")  # fmt: skip
    add("--decimal", choices=[".", ","], default=".", metavar="MARK", help="decimal mark of a CSV "
        "file, . or , (default: .)")  # fmt: skip
    add("--skip-lines", metavar="N,…", type=_lines, default=(), help="lines of a CSV file that are "
        "no part of the table, counted from 1: a title, units")  # fmt: skip
    add("--header", choices=["yes", "no"], help="whether the first line of a CSV file has the "
        "names of the columns (default: found out)")  # fmt: skip
    add("--encoding", default="utf-8-sig", metavar="NAME", help="of a CSV file (default: utf-8)")


def table_of(options: argparse.Namespace, missing: tuple[str, ...] = ()) -> Any:
    """Return the table that the options name; `missing` are further texts for missing values.

    Raises what read_table raises.
    """
    from portanet.table import ReadOptions, read_table

    header = None if options.header is None else options.header == "yes"
    return read_table(options.data, ReadOptions(
        options.separator, options.decimal, options.skip_lines, header,
        (*options.missing, *missing), options.encoding,
    ))  # fmt: skip


def columns(parsed_args: argparse.Namespace, **options: Any) -> list[str]:  # noqa: ARG001
    """Return the columns of the table that a line names, for completion in a shell."""
    try:
        return list(table_of(parsed_args).columns)
    except (PortanetError, OSError):  # no table yet
        return []


def _separator(text: str) -> str:
    text = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(text) != 1:
        raise argparse.ArgumentTypeError(f"must be one character or tab, is {text!r}")
    return text


def _lines(text: str) -> tuple[int, ...]:
    lines = text.split(",")
    if not all(line.isdecimal() and int(line) for line in lines):
        raise argparse.ArgumentTypeError(f"must be lines, from 1, such as 1 or 1,3; is {text!r}")
    return tuple(map(int, lines))
