"""Recorded results: what the code in float64 gave when it was last compared with other libraries.

All backends run the same code, so a wrong formula agrees with itself everywhere, and a gradient
that is wrong in the same way as its function is no wrong derivative. So recorded.json has for each
result of the catalogue the sum of its elements, each times the cosine of its place, which another
sign, scale, axis or order of the elements changes; and how many are NaN or infinite where some of
the input's are.

A record says that something has changed, not what is right: that is for the tests of the library,
which compare it with PyTorch and scikit-learn. `python -m portanet.verify.checks.recorded` writes
a new one.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from portanet.verify.catalogue import LAYERS, LOSSES, METRICS, OPTIMIZERS, SCHEDULES, Case
from portanet.verify.catalogue.networks import NETWORKS, NetworkCase
from portanet.verify.catalogue.schedules import ScheduleCase
from portanet.verify.checks.schedules import N_STEPS
from portanet.verify.report import Finding, Skipped
from portanet.verify.runs.compute import compute
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.training import Training
from portanet.verify.runs.where import UnderNoise

_FILE = Path(__file__).with_name("recorded.json")
_RTOL = 1e-9  # of the sum of absolute values: other libraries of linear algebra are within 1e-12
_STEPS, _LAST = 4, "step 3: "  # of networks; all tensors of the last step are recorded
_INPUTS = "the numbers that inputs are drawn from"


def check_recorded(case: Case | NetworkCase) -> Iterator[Finding | Skipped]:
    """Yield one finding: whether the results of a case in float64 are those that were recorded."""
    known, name = _record(), _name(case)
    if known[_INPUTS] != _inputs():
        why = "this NumPy draws other numbers from a seed than the one that wrote the record"
        yield Skipped("recorded", "numpy", case.name, why)
        return
    wanted, found = known.get(name, {}), _results(case)
    wrong = [n for n in {**wanted, **found} if not _is_same(wanted.get(n), found.get(n))]
    note = (
        f"{wrong[0]}: {wanted.get(wrong[0])} recorded, now {found.get(wrong[0])}" if wrong else ""
    )
    yield Finding(
        "recorded", case.kind, case.name, wrong[0] if wrong else "results", "numpy", "float64",
        not wrong, note=note,
    )  # fmt: skip


def write_record() -> None:
    """Write the results of the catalogue, as they are now."""
    cases: list[Case | NetworkCase] = [
        *LAYERS,
        *LOSSES,
        *OPTIMIZERS,
        *METRICS,
        *SCHEDULES,
        *NETWORKS,
    ]
    record = {_INPUTS: _inputs(), **{_name(case): _results(case) for case in cases}}
    rows = (f"{json.dumps(name)}: {json.dumps(found)}" for name, found in record.items())
    _FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")


@cache
def _record() -> dict[str, Any]:
    return json.loads(_FILE.read_text())


def _name(case: Case | NetworkCase) -> str:
    return f"{case.kind}: {case.name}"


def _inputs() -> list[float]:
    rng = Draw().generator("recorded")
    drawn = rng.random(), rng.standard_normal(), rng.integers(0, 1000), rng.choice([-1.0, 1.0])
    return [float(number) for number in drawn]


def _results(case: Case | NetworkCase) -> dict[str, Sequence[float]]:
    """Return two sums for each result; how many NaN and infinities where some are in the input."""
    if isinstance(case, ScheduleCase):
        schedule = case.make()
        return {"rates": _sums(np.asarray([schedule(step) for step in range(N_STEPS)]))}
    if isinstance(case, NetworkCase):
        tensors = Training(case, Draw(), UnderNoise(0, epsilon=0.0)).steps(_STEPS).tensors
        return {n: _sums(a) for n, a in tensors.items() if ": loss" in n or n.startswith(_LAST)}
    results = compute(case, Draw(), UnderNoise(0, epsilon=0.0))
    found: dict[str, Sequence[float]] = {name: _sums(a) for name, a in results.items()}
    for special in ("NaN", "inf", "-inf") if case.kind in ("layer", "loss") else ():
        results = compute(case, Draw(special=special), UnderNoise(0, epsilon=0.0))
        counts = {f"{name}, {special} in x": _not_finite(a) for name, a in results.items()}
        found |= {name: n for name, n in counts.items() if any(n)}
    return found


def _not_finite(array: np.ndarray) -> list[int]:
    floats = array.dtype.kind == "f"
    return [int(np.sum(f(array))) if floats else 0 for f in (np.isnan, np.isinf)]


def _sums(array: np.ndarray) -> list[float]:
    terms = array.reshape(-1).astype(np.float64) * np.cos(np.arange(array.size))
    return [float(f"{total:.12g}") for total in (np.sum(terms), np.sum(np.abs(terms)))]


def _is_same(wanted: Sequence[float] | None, found: Sequence[float] | None) -> bool:
    if wanted is None or found is None:
        return False
    return all(abs(a - b) <= _RTOL * wanted[1] for a, b in zip(wanted, found, strict=True))


if __name__ == "__main__":
    write_record()
