"""The oracle: every result of a case on every backend beside float64, in ulps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from portanet.backends import Backend, get
from portanet.verify.audit.code_line import error_with_line
from portanet.verify.catalogue import Case
from portanet.verify.measure.bound import Bound
from portanet.verify.measure.ulps import DTYPES, ulps, worst_place
from portanet.verify.report import Finding
from portanet.verify.report.places import each
from portanet.verify.runs import layouts
from portanet.verify.runs.compute import compute
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.where import OnBackend, UnderNoise


@dataclass(frozen=True)
class Known:
    """A draw of a case, with what NumPy in float64 says, the bound, and NumPy's own in float32."""

    case: Case
    draw: Draw
    oracle: dict[str, np.ndarray]
    bound: Bound
    own: dict[str, float]


def known_of(case: Case, draw: Draw) -> Known:
    """Return the oracle of a draw of a case."""
    oracle = compute(case, draw, UnderNoise(0, epsilon=0.0))
    bound = Bound(oracle, lambda seed: compute(case, draw, UnderNoise(seed)))
    own = _own(case, draw, oracle)
    return Known(case, draw, oracle, bound, own)


def check_oracle(
    case: Case, draws: Sequence[Draw], places: Mapping[str, Backend], dtypes: Sequence[str] = DTYPES
) -> Iterator[Finding]:
    """Yield one finding for each result, backend and dtype: the worst of all draws."""
    known = [known_of(case, draw) for draw in draws]
    for name, place in each(places.items()):
        if case.kind == "kernel" and case.name not in place.kernels:
            continue  # the plain definition serves there, and is in the layers' rows
        here = [k for k in known if layouts.why_not(place, k.draw.layout) is None]
        for dtype in [d for d in dtypes if d in place.dtypes]:
            rows = [row for k in here for row in _rows(k, place, name, dtype)]
            yield from _worst(rows)


def _rows(known: Known, place: Backend, name: str, dtype: str) -> Iterator[Finding]:
    case, where = known.case, OnBackend(place, dtype)
    try:
        found = compute(case, known.draw, where)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the check has found
        what = f"{error_with_line(error)}; {known.draw}"
        yield Finding("oracle", case.kind, case.name, "", name, dtype, False, np.inf, note=what)
        return
    for tensor, oracle in known.oracle.items():
        value = found.get(tensor, np.asarray(np.nan))
        error, fault = ulps(value, oracle, dtype), where.faults.get(tensor, "")
        if oracle.dtype == value.dtype == np.float32:
            fault = ""  # draws are float32 everywhere; what is computed has an oracle in float64
        passed = not fault and known.bound.passes(tensor, error)
        error = np.inf if fault else error
        note = "" if passed else f": {fault or worst_place(value, oracle, dtype)}"
        yield Finding(
            "oracle", case.kind, case.name, tensor, name, dtype, passed, error,
            known.own.get(tensor), known.bound.allowed(tensor), "", f"{known.draw}{note}",
        )  # fmt: skip


def _worst(rows: Sequence[Finding]) -> list[Finding]:
    """Return for each tensor the row that is nearest to its bound, or beyond it most."""
    worst: dict[str, Finding] = {}
    for row in rows:
        before = worst.get(row.tensor)
        if before is None or _badness(row) > _badness(before):
            worst[row.tensor] = row
    return list(worst.values())


def _badness(row: Finding) -> tuple[bool, float]:
    return not row.passed, np.inf if row.ratio is None else row.ratio


def _own(case: Case, draw: Draw, oracle: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the errors of NumPy in float32; none where it raises, which its own row says."""
    numpy = get("numpy")
    if case.kind == "kernel" and case.name not in numpy.kernels:
        return {}
    try:
        found = compute(case, draw, OnBackend(numpy, "float32"))
    except Exception:  # noqa: BLE001 - NumPy's own row says what it is
        return {}
    both = oracle.keys() & found.keys()
    return {name: ulps(found[name], oracle[name], "float32") for name in both}
