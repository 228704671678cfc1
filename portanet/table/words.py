"""Names and counts as they stand in messages."""

from collections.abc import Iterable, Sequence
from typing import Any

from portanet.errors import short
from portanet.guesses import near_names

_MOST = 5  # names that a message lists


def listed(names: Iterable[Any], most: int = _MOST) -> str:
    """Return names in quotes, the first few of many.

    >>> listed(["a", "b"]), listed("abcdefgh", most=3)
    ("'a', 'b'", "'a', 'b', 'c' and 5 more")
    """
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(short(name) for name in names[:most]) + more


def counted(n: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "class", "classes")
    ('1 row', '1,200 rows', '2 classes')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def no_column(who: str, name: str, columns: Sequence[str]) -> str:
    """Return the message for a column that a table lacks: what it has, or what is like it.

    >>> no_column("iris.csv", "specis", ["petal width", "species"])
    "iris.csv: there is no column 'specis'; like it is 'species'"
    """
    near = near_names(name, columns)
    like = f"like it {'is' if len(near) == 1 else 'are'} {listed(near)}"
    hint = like if near else f"there are {listed(columns, 20)}"
    return f"{who}: there is no column {short(name)}; {hint}"
