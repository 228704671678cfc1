"""Pieces of HTML; whatever comes from a report is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from math import isfinite


def escaped(text: object) -> str:
    """Return text that HTML shows as it is, in an element or an attribute."""
    return escape(str(text), quote=True)


def section(title: str, body: str) -> str:
    """Return a part of the page."""
    return f"<section>\n<h2>{escaped(title)}</h2>\n{body}\n</section>"


def scrolling(table: str, label: str) -> str:
    """Return a table that scrolls within the page where it is wider, also by keyboard."""
    region = f'role="region" tabindex="0" aria-label="{escaped(label)}"'
    return f'<div class="scroll" {region}>{table}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int]) -> str:
    """Return a table of texts; the columns of `numbers` are aligned to the right."""
    right = set(numbers)

    def line(cells: Sequence[object], tag: str) -> str:
        marks = [' class="number"' if i in right else "" for i in range(len(cells))]
        return "".join(
            f"<{tag}{mark}>{escaped(cell)}</{tag}>" for cell, mark in zip(cells, marks, strict=True)
        )

    body = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{line(head, 'th')}</tr></thead><tbody>\n{body}\n</tbody></table>"


def number(value: float) -> str:
    """Return a number in few characters.

    >>> [number(v) for v in (0.0, 0.034, 2.25, 131.4, 8388608.0, float("inf"))]
    ['0', '0.034', '2.2', '131', '8.4e+06', '∞']
    """
    if not isfinite(value):
        return "∞" if value > 0 else str(value)
    if not value or 100 <= value < 100_000:
        return f"{value:.0f}"
    return f"{value:.2g}"


def sentence(names: Sequence[str]) -> str:
    """Return names as part of a sentence.

    >>> sentence(["numpy", "cupy", "torch"])
    'numpy, cupy and torch'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
