"""Verification: gradients against finite differences, and backends against NumPy in float64.

    portanet.verify.run(["torch", "cupy"])      a Report: what agrees, what not, what was skipped
    portanet.verify.html(report)                the report as a page for a browser
    portanet.check_gradients(layer, x)          is backward the derivative of forward?

On the command line: portanet verify.
"""

from typing import TYPE_CHECKING, Any

from portanet.verify.gradients import check_gradients

if TYPE_CHECKING:
    from portanet.verify.kit import run as run
    from portanet.verify.page import html as html
    from portanet.verify.report import Report as Report

__all__ = ["Report", "check_gradients", "html", "run"]


def __getattr__(name: str) -> Any:  # the kit imports the whole library: when it is asked for
    if name == "run":
        from portanet.verify.kit import run

        return run
    if name == "html":
        from portanet.verify.page import html

        return html
    if name == "Report":
        from portanet.verify.report import Report

        return Report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
