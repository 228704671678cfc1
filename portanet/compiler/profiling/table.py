"""A profile as text that can be read in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from portanet.compiler.profiling.rows import Row

_UNITS = ("B", "KiB", "MiB", "GiB")
_WIDEST = 34  # characters of an operation, or of a place

_HEADS = ("operation", "from", "result in", "µs", "share", "read", "written", "GFLOP/s")
TIMES = ("forward", "backward", "update", "together")
_LAYER_HEADS = ("part", *(f"{time} µs" for time in TIMES), "operations", "MFLOP")
_BY = "×"  # noqa: RUF001 - as shapes are written by hand


def table(rows: Iterable[Row], gpu: str | None = None) -> str:
    """Return the lines of a plan, one below the other, and after a call what happens in it.

    With the name of a GPU there is a last column of estimates.
    """
    rows = list(rows)
    calls = {row.inside for row in rows}
    heads = _HEADS if gpu is None else (*_HEADS, f"≈ µs, {gpu}")
    body = [_cells(row, row.line in calls) for row in rows]
    if gpu is not None:
        body = [(*cells, _number(row.estimate)) for cells, row in zip(body, rows, strict=True)]
    return _aligned(heads, body, n_words=3)


def layer_table(layers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what each part of a model took."""
    body = [
        (
            name,
            *(_number(part[method]) for method in TIMES),
            str(part["operations"]),
            _number(part["flops"] / 1e6, 3) if part["flops"] else "",
        )
        for name, part in layers.items()
    ]
    return _aligned(_LAYER_HEADS, body, n_words=1)


def bytes_text(n: int) -> str:
    """Return a number of bytes as people say it.

    >>> bytes_text(7680), bytes_text(40), bytes_text(3 * 2**20)
    ('7.5 KiB', '40 B', '3.0 MiB')
    """
    power = min((max(n, 1).bit_length() - 1) // 10, len(_UNITS) - 1)
    return f"{n} B" if power == 0 else f"{n / 1024**power:.1f} {_UNITS[power]}"


def _cells(row: Row, is_call: bool) -> tuple[str, ...]:
    return (
        _short(row.line) if is_call and row.line else _operation(row),
        _short(_names(row.places)),
        row.buffer + (" (in place)" if row.in_place else ""),
        _number(row.microseconds),
        "" if row.share is None else f"{100 * row.share:.1f} %",
        bytes_text(row.read),
        bytes_text(row.written),
        _number(row.gflops),
    )


def _operation(row: Row) -> str:
    """Return what a row does, and the shape of what it makes."""
    shape = f" {_BY.join(map(str, row.shape))}" if row.shape else ""
    return ("  " if row.inside else "") + _short(_names(row.operations)) + shape


def _names(names: Sequence[str]) -> str:
    """Return names: the first two, and how many others there are."""
    shown = ", ".join(name.removeprefix("kernel:") for name in names[:2])
    return shown if len(names) <= 2 else f"{shown}, +{len(names) - 2}"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _number(x: float | None, digits: int = 1) -> str:
    return "" if x is None else f"{x:.{digits}f}"


def _aligned(heads: Sequence[str], body: Sequence[Sequence[str]], n_words: int) -> str:
    """Return columns: the first `n_words` begin below their heads, the others end there."""
    widths = [max(map(len, column)) for column in zip(heads, *body, strict=True)]
    lines = []
    for cells in (heads, *body):
        padded = [
            cell.ljust(width) if i < n_words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
