"""The parts of the page that are lists and tables of words."""

from collections import defaultdict

from portanet.verify.page.text import escaped, number, scrolling, table
from portanet.verify.report.finding import Finding
from portanet.verify.report.known import KNOWN
from portanet.verify.report.report import Report


def failures(report: Report) -> str:
    """Return what does not agree, each with its place, expected and got."""
    rows = [
        (f"✗ {f.case}", f.tensor, f.backend, f.dtype, f.check, *_size(f), f.note)
        for f in report.failures
    ]
    head = ("case", "tensor", "backend", "dtype", "check", "ulps", "allowed", "what was found")
    return scrolling(table(head, rows, (5, 6)), "what does not agree") if rows else ""


def _size(finding: Finding) -> tuple[str, str]:
    sizes = (finding.ulps, finding.allowed)
    return tuple("" if size is None else number(size) for size in sizes)  # pyright: ignore[reportReturnType]


def known(report: Report) -> str:
    """Return the known differences that this report has, with reason and source."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        if finding.status == "known":
            found[finding.known].append(finding)
    reasons = {k.name: (k.reason, k.source) for k in KNOWN}
    items = [
        _term(f"≈ {name}", *reasons.get(name, ("", "")), findings)
        for name, findings in found.items()
    ]
    return f"<dl>{''.join(items)}</dl>" if items else ""


def _term(name: str, reason: str, source: str, findings: list[Finding]) -> str:
    backends = ", ".join(sorted({finding.backend for finding in findings}))
    return (
        f"<dt>{escaped(name)}</dt><dd>{escaped(reason)}</dd>"
        f'<dd class="quiet">On {escaped(backends)}, {len(findings)} results. '
        f"Source: {escaped(source)}</dd>"
    )


def skipped(report: Report) -> str:
    """Return what did not run, by reason."""
    reasons: dict[str, dict[str, None]] = defaultdict(dict)
    for item in report.skipped:
        case = f" of {item.case}" if item.case else ""
        reasons[item.why][f"{item.check}{case} on {item.backend}"] = None
    items = [
        f"<dt>{escaped(why)}</dt><dd>{escaped('; '.join(what))}</dd>"
        for why, what in reasons.items()
    ]
    return f"<dl>{''.join(items)}</dl>" if items else "<p>Nothing was left out.</p>"


def checks(report: Report) -> str:
    """Return how many findings of each check and backend passed, are known, failed."""
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        groups[finding.check, finding.backend].append(finding)
    rows = [(*names, *_counts(findings)) for names, findings in groups.items()]
    head = ("check", "backend", "agree", "known", "do not", "largest error / allowed")
    return scrolling(table(head, rows, (2, 3, 4, 5)), "checks") if rows else ""


def _counts(findings: list[Finding]) -> tuple[str, ...]:
    states = [finding.status for finding in findings]
    ratios = [f.ratio for f in findings if f.ratio is not None and f.status == "passed"]
    counts = [str(states.count(state)) for state in ("passed", "known", "failed")]
    return (*counts, number(max(ratios)) if ratios else "bits")


def machine(report: Report) -> str:
    """Return what computed: versions and devices."""
    return scrolling(table(("what", "version"), report.machine.items(), ()), "machine")
