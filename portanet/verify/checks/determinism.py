"""Determinism: one seed twice on one backend gives the same bits, or what does not is named."""

from collections.abc import Iterator, Mapping

import numpy as np

from portanet.backends import Backend
from portanet.verify.audit.code_line import error_with_line
from portanet.verify.catalogue import Case
from portanet.verify.catalogue.networks import NetworkCase
from portanet.verify.report import Finding
from portanet.verify.report.places import each
from portanet.verify.runs.compute import compute
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.training import NotCompiledError, WrongPlanError
from portanet.verify.runs.ways import Run, Tensors, ways
from portanet.verify.runs.where import OnBackend

MANY = 1000  # samples of a kernel: enough for blocks and threads that run in any order


def check_determinism(case: Case, draw: Draw, places: Mapping[str, Backend]) -> Iterator[Finding]:
    """Yield a finding for each place: the first result that was of other bits the second time."""
    for name, place in each(places.items()):
        if case.kind == "kernel" and case.name not in place.kernels:
            continue
        try:
            first, second = (compute(case, draw, OnBackend(place, "float32")) for _ in range(2))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the check has found
            yield _raised(case.kind, case.name, name, error)
            continue
        yield _finding(case.kind, case.name, name, first, second)


def check_runs_twice(
    case: NetworkCase, seed: int, n_steps: int, places: Mapping[str, Backend]
) -> Iterator[Finding]:
    """Yield a finding for each place and way to train, of two runs from one seed."""
    run = Run(case, Draw(seed), n_steps)
    for name, place in each(places.items()):
        for way, train in ways(run, place, "float32"):
            if isinstance(train, str) or "saved" in way or way == "resumed":
                continue  # a run that is resumed is as deterministic as its halves
            try:
                first, second = (train(OnBackend(place, "float32")) for _ in range(2))
            except (NotCompiledError, WrongPlanError):
                continue  # check_trajectories says so
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
                yield _raised("network", case.name, name, error)
                continue
            as_what = "" if way == "trajectory" else way
            yield _finding("network", case.name, name, first, second, as_what)


def _raised(kind: str, case: str, place: str, error: Exception) -> Finding:
    note = error_with_line(error)
    return Finding("determinism", kind, case, "", place, "float32", False, note=note)


def _finding(
    kind: str, case: str, place: str, first: Tensors, second: Tensors, way: str = ""
) -> Finding:
    other = next((n for n, value in first.items() if not _same_bits(value, second[n])), "")
    tensor = ", ".join(filter(None, [other or "every result", way]))
    note = f"{other} is of other bits the second time" if other else ""
    return Finding("determinism", kind, case, tensor, place, "float32", not other, note=note)


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
