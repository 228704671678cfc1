"""html: a report as one page, from the template page.html and the style page.css.

The page's own policy (CSP) lets a browser load nothing, and apply no style but this one.
"""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from string import Template

from portanet.verify.page.heat_map import heat_map
from portanet.verify.page.steps import steps
from portanet.verify.page.text import escaped, section, sentence
from portanet.verify.page.trajectories import trajectories
from portanet.verify.page.words import checks, failures, known, machine, skipped
from portanet.verify.report.report import Report


def html(report: Report) -> str:
    """Return a report as the text of an HTML page.

    >>> from portanet.verify.report import Finding
    >>> row = Finding("oracle", "layer", "<b>", "y", "torch", "float32", True, 2.0, 1.0, 8.0)
    >>> page = html(Report(0, ["torch"], findings=[row]))
    >>> "<b>" in page, "&lt;b&gt;" in page, "<script" in page
    (False, True, False)
    """
    style = _file("page.css")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return Template(_file("page.html")).substitute(
        style=style,
        style_hash=f"sha256-{digest}",
        title=escaped(_verdict(report)),
        state="good" if report.exit_status == 0 else "bad",
        verdict=escaped(_verdict(report)),
        what=escaped(_what(report)),
        sections="\n".join(_sections(report)),
    )


def _sections(report: Report) -> list[str]:
    parts = [
        ("What does not agree", failures(report)),
        ("Errors in units of the last place", heat_map(report)),
        ("Known differences", known(report)),
        ("Trainings", trajectories(report)),
        ("Between host and device", steps(report)),
        ("Not proved", skipped(report)),
        ("Checks", checks(report)),
        ("Machine and versions", machine(report)),
    ]
    return [section(title, body) for title, body in parts if body]


def _verdict(report: Report) -> str:
    n = report.counts
    if not report.findings:
        return "Nothing was compared"
    if n["failed"]:
        return f"✗ {n['failed']} of {len(report.findings)} results do not agree"
    return f"✓ All {len(report.findings)} results agree" + (
        f", {n['known']} of them up to a known difference" if n["known"] else ""
    )


def _what(report: Report) -> str:
    return (
        f"Backends {sentence(report.backends)}, each beside NumPy in float64. "
        f"Seed {report.seed}{', quick run' if report.quick else ''}."
    )


def _file(name: str) -> str:
    return files("portanet.verify.page").joinpath(name).read_text(encoding="utf-8")
