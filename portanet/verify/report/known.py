"""Known differences between backends: what differs, why, and where that is written."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from portanet.backends import Backend
from portanet.verify.report.finding import Finding


@dataclass(frozen=True)
class KnownDifference:
    """A difference that is no fault, with its reason and source.

    It explains findings of `backend` ("": any) and `check` whose case or tensor contains `words`
    and that are off by at most `times` what is allowed.
    """

    name: str
    reason: str
    source: str
    backend: str = ""
    check: str = ""
    words: str = ""
    times: float = 1.0

    def explains(self, finding: Finding) -> bool:
        """Return whether this is why a finding has failed."""
        of = self.backend in ("", finding.backend.partition(":")[0]) and self.check == finding.check
        named = self.words in f"{finding.case}: {finding.tensor}"
        return of and named and finding.ratio is not None and finding.ratio <= self.times


FLUSHED = "denormals are flushed"
KNOWN = [
    KnownDifference(
        FLUSHED,
        "numbers below the smallest normal one (1.2e-38 in float32) count as 0, in inputs and in "
        "results; which backends do so is measured",
        "XLA: cpu_compiler sets denormals-are-zero; CuPy compiles with -ftz=true",
    ),
    KnownDifference(
        "sums of segments",
        "the plain segment_sum multiplies by 0 and 1, so that a NaN or an infinity reaches all "
        "sums; a kernel that adds each number where it belongs gives fewer NaN",
        "the plain definition of segment_sum",
        check="special",
        words="segment_sum",
        times=float("inf"),
    ),
]


def flushes(place: Backend) -> bool:
    """Return whether a backend takes denormal numbers for 0, by a product on its device.

    >>> from portanet.backends import get
    >>> flushes(get("numpy"))
    False
    """
    x = place.asarray(np.asarray([1e-40]), "float32")
    return not place.to_numpy(x * 1.5).all()


def explained(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings, those that failed with the name of the difference that explains them."""
    return [_explained(finding) for finding in findings]


def _explained(finding: Finding) -> Finding:
    if finding.status != "failed":
        return finding
    names = (known.name for known in KNOWN if known.explains(finding))
    return replace(finding, known=next(names, ""))
