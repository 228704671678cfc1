"""Report: everything that a run of the agreement kit has found, skipped and knows."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Self

from portanet.errors import DataError
from portanet.verify.report.audit import Audit, Transfer
from portanet.verify.report.finding import Finding, Skipped
from portanet.verify.report.trajectory import Trajectory

FORMAT = 1  # of the JSON; another number is another layout


@dataclass
class Report:
    """Findings, trajectories, audits of steps, and what was skipped.

    `machine` has the versions, `seed` decides the inputs.

    >>> report = Report(seed=0)
    >>> row = Finding("oracle", "layer", "ReLU", "forward", "torch", "float32", True, 0, 0, 4)
    >>> report.add([row])
    >>> report.exit_status, Report.from_json(report.to_json()) == report
    (0, True)
    """

    seed: int
    backends: list[str] = field(default_factory=list)
    quick: bool = False
    findings: list[Finding] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    trajectories: list[Trajectory] = field(default_factory=list)
    machine: dict[str, str] = field(default_factory=dict)
    audits: list[Audit] = field(default_factory=list)

    def add(self, items: Iterable[Finding | Skipped | Trajectory | Audit]) -> None:
        """Take in what a check yields."""
        kept: dict[type, list[Any]] = {
            Finding: self.findings, Skipped: self.skipped, Trajectory: self.trajectories,
            Audit: self.audits,
        }  # fmt: skip
        for item in items:
            kept[type(item)].append(item)

    @property
    def failures(self) -> list[Finding]:
        """The findings that neither passed nor are explained by a known difference."""
        return [finding for finding in self.findings if finding.status == "failed"]

    @property
    def counts(self) -> Counter[str]:
        """How many findings passed, are known differences, and failed."""
        return Counter(finding.status for finding in self.findings)

    @property
    def exit_status(self) -> int:
        """0 if everything agrees, 1 if something does not, 2 if nothing was compared."""
        return 2 if not self.findings else 1 if self.failures else 0

    def to_json(self) -> str:
        """Return the report as JSON text. Numbers that JSON lacks are "inf", "-inf" and "nan"."""
        return json.dumps({"format": FORMAT, **_written(asdict(self))}, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the report that `to_json` has written. Raises DataError for another format."""
        found = json.loads(text)
        if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
            raise DataError(f"Report.from_json: wanted a report of format {FORMAT}, got another")
        lists = {"findings": Finding, "skipped": Skipped, "trajectories": Trajectory,
                 "audits": Audit}  # fmt: skip
        for name, kind in lists.items():
            found[name] = [kind(**_read(item)) for item in found[name]]
        return cls(**found)


def _written(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _written(value) for key, value in item.items()}
    if isinstance(item, list):
        return [_written(value) for value in item]
    return str(item) if isinstance(item, float) and not isfinite(item) else item


_NUMBERS = ("ulps", "own_ulps", "allowed", "distances")


def _read(item: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a row, with its numbers as numbers and its transfers as such."""
    fields = {name: _number(v) if name in _NUMBERS else v for name, v in item.items()}
    if "transfers" in fields:
        fields["transfers"] = [Transfer(**transfer) for transfer in fields["transfers"]]
    return fields


def _number(item: Any) -> Any:
    if isinstance(item, dict):
        return {group: [float(value) for value in values] for group, values in item.items()}
    return float(item) if isinstance(item, str) else item
