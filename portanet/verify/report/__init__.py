"""The report of the agreement kit: its rows, JSON in and out, and tables."""

from portanet.verify.report.audit import Audit, Transfer
from portanet.verify.report.finding import Finding, Skipped, Status
from portanet.verify.report.report import Report
from portanet.verify.report.trajectory import Trajectory

__all__ = ["Audit", "Finding", "Report", "Skipped", "Status", "Trajectory", "Transfer"]
