"""Steps: where the tensors of each network's step are, and what left or reached the device."""

from collections import defaultdict
from collections.abc import Sequence

from portanet.verify.page.text import escaped, scrolling, table
from portanet.verify.report.audit import Audit, ledger_rows
from portanet.verify.report.report import Report

_MEANING = {
    "fetched": "✗ fetched in silence",
    "to host": "to the host, by to_numpy",
    "to device": "to the device",
    "waits": "waits for the device",
}


def steps(report: Report) -> str:
    """Return the ledger of transfers, and the tensors of each network."""
    if not report.audits:
        return ""
    n = sum(audit.n_steps for audit in report.audits)
    words = (
        f"<p>{n} steps were taken with every array looked at: each must be on its backend and "
        "device, in the network's dtype. What went between host and device, with the line of code "
        "that did it:</p>"
    )
    networks: dict[str, list[Audit]] = defaultdict(list)
    for audit in report.audits:
        if any(name.startswith("step ") for name in audit.tensors):
            networks[audit.case].append(audit)
    tables = [_tensors(case, audits) for case, audits in networks.items()]
    return words + _ledger(report.audits) + "\n".join(tables)


def _ledger(audits: Sequence[Audit]) -> str:
    rows = [
        (_MEANING[t.direction], t.what, t.line, t.method or "·", t.times, ", ".join(backends))
        for t, backends in ledger_rows(audits)
    ]
    head = ("direction", "what", "line", "in", "times", "backends")
    return scrolling(table(head, rows, (4,)), "transfers") if rows else "<p>Nothing.</p>"


def _tensors(case: str, audits: Sequence[Audit]) -> str:
    last = f"step {audits[0].n_steps - 1}: "  # which has all slots
    found = dict.fromkeys(name for audit in audits for name in audit.tensors)
    names = [name.removeprefix(last) for name in found if name.startswith(last)]
    rows = [(name, *(a.tensors.get(f"{last}{name}", "·") for a in audits)) for name in names]
    head = ("tensor", *(f"{audit.backend} {audit.dtype}" for audit in audits))
    body = scrolling(table(head, rows, ()), f"tensors of {case}")
    return (
        f"<details><summary>{escaped(case)}: {len(names)} tensors of its "
        f"last step</summary>{body}</details>"
    )
