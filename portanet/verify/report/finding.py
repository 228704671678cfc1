"""Finding: a row of the report, what one tensor gave on one backend. Skipped: what did not run."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "known", "failed"]


@dataclass(frozen=True)
class Finding:
    """What a check has found about one tensor of one case, on one backend and in one dtype.

    check     which check: "oracle", "derivative", "special", "trajectory", "determinism", …
    kind      "layer", "loss", "optimizer", "schedule", "metric", "kernel" or "network"
    case      the name of the case: "Linear on sequences"
    tensor    "forward", "gradient of x", "gradient of weights", "slot m of weights", "loss", …
    backend   where it was computed, with its device unless that is the default: "strict:no_float64"
    dtype     "float32" or "float64"
    ulps      the largest error, in units of the dtype's last place (ulps.py); None where the check
              compares bits; inf where NaN, infinities, a shape or a dtype are not as they must be
    own_ulps  the same of NumPy float32 against float64, on the same inputs
    allowed   how many ulps would pass
    passed    whether the tensor agrees
    known     the name of the known difference (known.py) that explains a failure, "" without one
    note      what else there is to say: the place, expected and got; the step that parts first
    """

    check: str
    kind: str
    case: str
    tensor: str
    backend: str
    dtype: str
    passed: bool
    ulps: float | None = None
    own_ulps: float | None = None
    allowed: float | None = None
    known: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The error as a share of what is allowed: up to 1 passes; None where bits are compared.

        >>> Finding("oracle", "layer", "ReLU", "forward", "torch", "float32", True, 2, 1, 8).ratio
        0.25
        """
        if self.ulps is None or self.allowed is None:
            return None
        if not self.allowed:
            return 0.0 if not self.ulps else float("inf")
        return self.ulps / self.allowed

    @property
    def status(self) -> Status:
        """Whether the finding is "passed", a "known" difference, or "failed"."""
        return "passed" if self.passed else "known" if self.known else "failed"


@dataclass(frozen=True)
class Skipped:
    """What did not run, and why. `case` is "" where a whole check did not."""

    check: str
    backend: str
    case: str
    why: str


def alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return findings of a case that say the same, by several checks or backends, together."""
    groups: dict[tuple[object, ...], list[Finding]] = defaultdict(list)
    for f in findings:
        groups[f.case, f.dtype, f.ulps, f.allowed, f.own_ulps, f.note].append(f)
    return list(groups.values())
