"""How a file is read: what its bytes alone do not say."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadOptions:
    """Options of CSV files; of all kinds `missing`, texts that mean a missing value.

    separator: None is found out. decimal: "." or ",". skip_lines: numbers of lines, from 1, that
    are no part of the table. header: whether the first line has the names; None is found out.

    >>> ReadOptions(decimal=",", missing=("?",)).separator is None
    True
    """

    separator: str | None = None
    decimal: str = "."
    skip_lines: tuple[int, ...] = ()
    header: bool | None = None
    missing: tuple[str, ...] = ()
    encoding: str = "utf-8-sig"
