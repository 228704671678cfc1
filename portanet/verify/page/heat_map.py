"""The heat map: a row for each case, a column for each backend and dtype, the error in ulps.

A cell has the largest error of what passed, of all checks that measure one, and a color for its
size; a failure has ✗ and a known difference ≈ and a border, too, so that color alone says nothing.
"""

from collections import defaultdict
from collections.abc import Sequence

from portanet.verify.page.text import escaped, number, scrolling
from portanet.verify.report.finding import Finding
from portanet.verify.report.report import Report

LEVELS = (0.0, 1.0, 4.0, 16.0, 64.0)  # ulps; what is beyond the last has a color of its own

Column = tuple[str, str]  # backend, dtype


def heat_map(report: Report) -> str:
    """Return the map with its key."""
    cells: dict[tuple[str, str], dict[Column, list[Finding]]] = defaultdict(dict)
    for f in report.findings:
        cells[f.kind, f.case].setdefault((f.backend, f.dtype), []).append(f)
    if not cells:
        return ""
    columns = sorted(
        {c for row in cells.values() for c in row}, key=lambda c: (_place(report, c[0]), c)
    )
    kinds: dict[str, list[str]] = defaultdict(list)
    for (kind, case), row in cells.items():
        kinds[kind].append(_row(case, [row.get(column, []) for column in columns]))
    bodies = [_body(kind, rows, len(columns)) for kind, rows in kinds.items()]
    text = f'<table class="map">{_head(columns)}{"".join(bodies)}</table>'
    return _key() + scrolling(text, "errors in ulps, by case and backend")


def _place(report: Report, backend: str) -> int:
    return report.backends.index(backend) if backend in report.backends else len(report.backends)


def _head(columns: Sequence[Column]) -> str:
    backends = list(dict.fromkeys(backend for backend, _ in columns))
    spans = [sum(c[0] == backend for c in columns) for backend in backends]
    first = "".join(
        f'<th scope="colgroup" colspan="{n}">{escaped(backend)}</th>'
        for backend, n in zip(backends, spans, strict=True)
    )
    second = "".join(f'<th scope="col">{escaped(dtype)}</th>' for _, dtype in columns)
    return f'<thead><tr><td rowspan="2"></td>{first}</tr><tr>{second}</tr></thead>'


def _body(kind: str, rows: Sequence[str], n: int) -> str:
    title = (
        f'<tr><th scope="rowgroup">{escaped(kind)}</th><td class="none" colspan="{n}"></td></tr>'
    )
    return f"<tbody>{title}\n" + "\n".join(rows) + "</tbody>"


def _row(case: str, cells: Sequence[Sequence[Finding]]) -> str:
    return f'<tr><th scope="row">{escaped(case)}</th>{"".join(map(_cell, cells))}</tr>'


def _cell(findings: Sequence[Finding]) -> str:
    if not findings:
        return '<td class="none" title="not computed here">·</td>'
    states = {finding.status for finding in findings}
    worst = max(findings, key=_order)
    classes, mark = [f"l{level(_largest(findings))}"], ""
    if "failed" in states:
        classes, mark = ["failed"], "✗ "
    elif "known" in states:
        classes, mark = [*classes, "known"], "≈ "
    shown = worst.ulps if worst.status == "failed" else _largest(findings)
    text = "bits" if shown is None else number(shown)
    return f'<td class="{" ".join(classes)}" title="{escaped(_title(worst))}">{mark}{text}</td>'


def level(ulps: float | None) -> int:
    """Return the color's number for an error.

    >>> [level(ulps) for ulps in (None, 0.0, 0.5, 4.0, 5.0, 1e6)]
    [0, 0, 1, 2, 3, 5]
    """
    return 0 if ulps is None else sum(ulps > bound for bound in LEVELS)


def _largest(findings: Sequence[Finding]) -> float | None:
    return max((f.ulps for f in findings if f.passed and f.ulps is not None), default=None)


def _order(finding: Finding) -> tuple[bool, bool, float]:
    """Failures last, then known differences, then by size."""
    states = (finding.status == "failed", finding.status == "known")
    return (*states, -1.0 if finding.ulps is None else finding.ulps)


def _title(finding: Finding) -> str:
    words = [f"{finding.check}: {finding.tensor or 'everything'}"]
    for name, size in (("allowed", finding.allowed), ("NumPy float32's own", finding.own_ulps)):
        words += [] if size is None else [f"{name} {number(size)}"]
    return "; ".join(filter(None, [*words, finding.known, finding.note]))


def _key() -> str:
    bounds = ["exact", *(f"up to {number(bound)}" for bound in LEVELS[1:]), "more"]
    items = [f'<li class="l{i}">{words}</li>' for i, words in enumerate(bounds)]
    items += [
        '<li class="known">≈ beside a known difference</li>',
        '<li class="failed">✗ does not agree</li>',
    ]
    return (
        "<p>The largest error of each case against NumPy in float64, in units of the dtype's last "
        "place. How much is allowed is measured for each tensor; “bits”: compared bit by bit.</p>"
        f'<ul class="key">{"".join(items)}</ul>'
    )
