"""The parts of the page that are lists and tables of words."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from portanet.verify.page.text import escaped, number, scrolling, sentence, table
from portanet.verify.report.finding import Finding, Skipped, alike
from portanet.verify.report.known import KNOWN
from portanet.verify.report.report import Report


def failures(report: Report) -> str:
    """Return what does not agree, by what was found: its place, expected and got."""
    items = [
        f"<dt>✗ {escaped(found[0].case)}: {escaped(sentence(_once(f.tensor for f in found)))}</dt>"
        f'<dd class="quiet">{escaped(_where(found))}</dd><dd>{escaped(found[0].note)}</dd>'
        for found in alike(report.failures)
    ]
    return f"<dl>{''.join(items)}</dl>" if items else ""


def _where(found: Sequence[Finding]) -> str:
    first, backends = found[0], sentence(_once(f.backend for f in found))
    words = f"{sentence(_once(f.check for f in found))}, on {backends} in {first.dtype}"
    if first.ulps is None or first.allowed is None:
        return words
    return f"{words}: {number(first.ulps)} ulps where {number(first.allowed)} are allowed"


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word or "everything" for word in words))


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
    """Return what did not run, by reason: which checks on which backends, of which cases."""
    reasons: dict[str, dict[str, list[Skipped]]] = defaultdict(lambda: defaultdict(list))
    for item in report.skipped:
        reasons[item.why][item.backend].append(item)
    items = [
        f"<dt>{escaped(why)}</dt>{''.join(map(_left_out, backends.values()))}"
        for why, backends in reasons.items()
    ]
    return f"<dl>{''.join(items)}</dl>" if items else "<p>Nothing was left out.</p>"


def _left_out(items: Sequence[Skipped]) -> str:
    checks, cases = _once(i.check for i in items), _once(i.case for i in items if i.case)
    of = f" of {len(cases)} cases" if len(cases) > 1 else f" of {cases[0]}" if cases else ""
    return f"<dd>{escaped(f'{items[0].backend}: {sentence(checks)}{of}')}</dd>"


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
