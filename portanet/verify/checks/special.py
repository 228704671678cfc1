"""Special numbers in the input: NaN, infinities, -0 and denormals, beside float64.

NaN and infinities must be where they are on NumPy, and the other numbers within their bound: a
kernel that drops a NaN lets a network that has diverged go on. -0 must count as 0; the sign of a
zero that is computed is not compared. Denormal numbers (below 1e-38) may be 0 on a backend that
flushes them, which is a known difference: then its results must be those of a run that does.
So is a kernel that keeps a NaN to fewer numbers than the plain definition: KernelCase.placed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from portanet.backends import Backend
from portanet.verify.audit.code_line import error_with_line
from portanet.verify.catalogue import Case, KernelCase, LayerCase
from portanet.verify.checks.oracle import Known, known_of
from portanet.verify.measure.ulps import TINY, ulps, worst_place
from portanet.verify.report import Finding
from portanet.verify.report.known import BOUNDED, FLUSHED, PLACED, flushes
from portanet.verify.report.places import each
from portanet.verify.runs.compute import compute
from portanet.verify.runs.inputs import BOUND, SPECIAL, Draw
from portanet.verify.runs.kernels import arguments
from portanet.verify.runs.where import OnBackend, UnderNoise

_LOST = 8  # times the smallest normal number: what flushed numbers, and their sums, may be off by


def check_special(case: Case, seed: int, places: Mapping[str, Backend]) -> Iterator[Finding]:
    """Yield a finding for each place and kind of special number: that of the worst result."""
    if isinstance(case, LayerCase) and case.draw(np.random.default_rng(0)).dtype.kind != "f":
        return
    for special in SPECIAL:
        known = known_of(case, Draw(seed, special=special))
        for name, place in each(places.items()):
            if case.kind != "kernel" or case.name in place.kernels:
                yield from _findings(known, place, name)


def _findings(known: Known, place: Backend, name: str) -> Iterator[Finding]:
    case, special = known.case, known.draw.special
    try:
        found = compute(case, known.draw, OnBackend(place, "float32"))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the check has found
        what = error_with_line(error)
        yield Finding(
            "special", case.kind, case.name, special, name, "float32", False, np.inf, note=what
        )
        return
    for tensor, oracle in known.oracle.items():
        error = ulps(found[tensor], oracle, "float32")
        passed = known.bound.passes(tensor, error)
        explained = "" if passed else _explanation(known, tensor, found[tensor], place)
        note = "" if passed else worst_place(found[tensor], oracle, "float32")
        yield Finding(
            "special", case.kind, case.name, f"{tensor}, {special} in x", name, "float32", passed,
            error, known.own.get(tensor), known.bound.allowed(tensor), explained, note,
        )  # fmt: skip


def _explanation(known: Known, tensor: str, found: np.ndarray, place: Backend) -> str:
    """Return the name of the known difference that predicts a result, "" if none does."""
    case, special = known.case, known.draw.special
    if flushes(place) and _is_flushed(known, tensor, found):
        return FLUSHED
    if isinstance(case, KernelCase):
        return PLACED if case.placed is not None and _is_placed(case, known, found) else ""
    if special in ("-0", "denormals") and _is_bounded(known, tensor, found):
        return BOUNDED
    return ""


def _is_bounded(known: Known, tensor: str, found: np.ndarray) -> bool:
    """Return whether a result is that of float64 where float32's smallest number is in x."""
    bounded = known_of(known.case, replace(known.draw, special=BOUND))
    return bounded.bound.passes(tensor, ulps(found, bounded.oracle[tensor], "float32"))


def _is_flushed(known: Known, tensor: str, found: np.ndarray) -> bool:
    """Return whether a result is that of a computer that takes denormal numbers for 0.

    That may be NaN beside an infinity: infinity times a gradient that is denormal.
    """
    oracle = compute(known.case, known.draw, UnderNoise(0, epsilon=0.0, flush=True))[tensor]
    finite = np.isfinite(oracle)
    size = np.abs(np.where(finite, oracle, 0.0))
    units = np.maximum(size, size.sum() / max(1, finite.sum()))
    allowed = known.bound.allowed(tensor) * units * 2.0**-23
    with np.errstate(all="ignore"):
        near = np.abs(found.astype(np.float64) - oracle) <= allowed + _LOST * TINY["float32"]
    same = (found == oracle) | (np.isnan(found) & np.isnan(oracle))
    return bool(np.all(np.where(finite, near, same)))


def _is_placed(case: KernelCase, known: Known, found: np.ndarray) -> bool:
    """Return whether a result is that of `placed`, up to what the case may be off without NaN."""
    assert case.placed is not None  # the caller looked
    with np.errstate(all="ignore"):
        wanted = case.placed(*arguments(case, known.draw))
    usual = known_of(case, replace(known.draw, special="")).bound
    return usual.passes("value", ulps(found, wanted, "float32"))
