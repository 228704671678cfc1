"""The terminal's table of a report: failures in full, the rest in numbers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from portanet.verify.report.audit import Audit, ledger_rows
from portanet.verify.report.finding import Finding, Skipped, alike
from portanet.verify.report.known import KNOWN
from portanet.verify.report.report import Report

_MOST = 40  # failures that are printed; all are in the JSON


def table(report: Report) -> str:
    """Return the report as text for a terminal.

    >>> row = Finding("oracle", "layer", "ReLU", "forward", "numpy", "float32", True, 0.0, 0.0, 8.0)
    >>> print(table(Report(0, ["numpy"], findings=[row])))  # doctest: +ELLIPSIS
    check    backend  passed  known  failed  largest error / allowed
    oracle   numpy         1      0       0  0.00
    ...
    """
    parts = [
        _counts(report), _failures(report.failures), _known(report), ledger(report.audits),
        _skipped(report.skipped),
    ]  # fmt: skip
    n = report.counts
    words = f"{n['passed']} agree, {n['known']} differ as is known, {n['failed']} do not agree"
    return "\n\n".join([*filter(None, parts), f"seed {report.seed}: {words}"])


def _counts(report: Report) -> str:
    rows: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        rows[finding.check, finding.backend].append(finding)
    lines = [["check", "backend", "passed", "known", "failed", "largest error / allowed"]]
    for (check, backend), findings in rows.items():
        states = [finding.status for finding in findings]
        numbers = [str(states.count(state)) for state in ("passed", "known", "failed")]
        ratios = [f.ratio for f in findings if f.ratio is not None and f.status == "passed"]
        lines.append([check, backend, *numbers, f"{max(ratios):.2f}" if ratios else "bits"])
    return _aligned(lines)


def _failures(failures: Sequence[Finding]) -> str:
    """Return the failures; what was found in several places in the same words is written once."""
    groups = alike(failures)
    lines = [
        f"{_once(f.check for f in found)}: {found[0].case}, "
        f"{_once(f.tensor or 'everything' for f in found)}, on {_once(f.backend for f in found)} "
        f"in {found[0].dtype}\n    {_size(found[0])}{found[0].note}"
        for found in groups[:_MOST]
    ]
    if len(groups) > _MOST:
        lines.append(f"... and {len(groups) - _MOST} more, in --json")
    return "\n".join(["what does not agree", *lines]) if lines else ""


def _once(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _size(finding: Finding) -> str:
    if finding.ulps is None or finding.allowed is None:
        return ""
    own = "" if finding.own_ulps is None else f", NumPy's own {finding.own_ulps:.3g}"
    return f"{finding.ulps:.3g} ulps where {finding.allowed:.3g} are allowed{own}; "


def _known(report: Report) -> str:
    names = {finding.known for finding in report.findings if finding.known}
    lines = [f"{k.name}: {k.reason} ({k.source})" for k in KNOWN if k.name in names]
    return "\n".join(["known differences", *lines]) if lines else ""


def ledger(audits: Sequence[Audit]) -> str:
    """Return what went between host and device in the steps that were audited.

    >>> from portanet.verify.report import Transfer
    >>> sent = Transfer("to device", "from_host", "portanet/layers/dropout.py:39", times=2)
    >>> print(ledger([Audit("net", "torch", "float32", 2, 40, transfers=[sent])]))
    between host and device, in 2 steps that were audited
    to device: from_host at portanet/layers/dropout.py:39 (2 times; torch)
    """
    n = sum(audit.n_steps for audit in audits)
    lines = [
        f"{t.direction}: {t} ({t.times} times; {', '.join(backends)})"
        for t, backends in ledger_rows(audits)
    ]
    if not n:
        return ""
    title = f"between host and device, in {n} steps that were audited"
    return "\n".join([title, *(lines or ["nothing"])])


def _skipped(skipped: Iterable[Skipped]) -> str:
    reasons: dict[str, list[str]] = defaultdict(list)
    for item in skipped:
        what = f"{item.check} on {item.backend}"
        if what not in reasons[item.why]:
            reasons[item.why].append(what)
    lines = [f"{', '.join(what)}: {why}" for why, what in reasons.items()]
    return "\n".join(["not proved", *lines]) if lines else ""


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    words = (0, 1, 5)  # these columns hold words, the others numbers
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i in words else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
