"""What a run of the kit consists of: jobs, each one check of one case on all places."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portanet.backends import Backend
from portanet.verify.catalogue import (
    ACCELERABLE,
    LAYERS,
    LOSSES,
    METRICS,
    OPTIMIZERS,
    SCHEDULES,
)
from portanet.verify.catalogue.networks import NETWORKS
from portanet.verify.checks.audit import check_audit
from portanet.verify.checks.derivatives import check_derivatives
from portanet.verify.checks.determinism import MANY, check_determinism, check_runs_twice
from portanet.verify.checks.oracle import check_oracle
from portanet.verify.checks.recorded import check_recorded
from portanet.verify.checks.schedules import check_schedule
from portanet.verify.checks.special import check_special
from portanet.verify.checks.trajectories import check_trajectories
from portanet.verify.measure.ulps import DTYPES
from portanet.verify.report import Audit, Finding, Skipped, Trajectory
from portanet.verify.runs.draws import draws_of, layouts_skipped
from portanet.verify.runs.inputs import Draw

_N_STEPS = {True: 4, False: 10}  # of a trajectory, quick or not
_DTYPES = {True: DTYPES[:1], False: DTYPES}

Places = Mapping[str, Backend]


@dataclass(frozen=True)
class Job:
    """A check of a case; run() yields what it finds."""

    check: str
    case: str
    kind: str
    run: Callable[[], Iterable[Finding | Skipped | Trajectory | Audit]]


def jobs_of(
    places: Places, seed: int, quick: bool, own: Sequence[Any] | None = None
) -> Iterator[Job]:
    """Yield the jobs of the catalogue, or of some cases of one's own."""
    if own is None:
        yield Job("layouts", "", "", lambda: layouts_skipped(places))
    cases = _catalogue(quick) if own is None else own
    networks = [case for case in own or () if case.kind == "network"]
    slow = {n for n, place in places.items() if place.name == "jax"} if quick and not own else set()
    for i, case in enumerate(cases):
        everywhere = i % 2 == 0 or case.kind == "network"
        here = {n: place for n, place in places.items() if everywhere or n not in slow}
        if len(here) < len(places) and case.kind != "schedule":
            yield Job("left out", case.name, case.kind, lambda case=case: _left_out(case, slow))
        for check, work in _jobs_of(case, here, seed, quick, own is not None):
            if check != "audit" or not networks or case in networks:  # not the same network twice
                yield Job(check, case.name, case.kind, work)


def _left_out(case: Any, places: Iterable[str]) -> Iterator[Skipped]:
    """Yield what a quick run leaves out on JAX, where 1,000 operations take a minute."""
    why = "a quick run takes every second case: each operation is compiled anew for each shape"
    for name in places:
        yield Skipped("oracle", name, case.name, why)


def _catalogue(quick: bool) -> list[Any]:
    cases = [*LAYERS, *LOSSES, *OPTIMIZERS, *METRICS, *SCHEDULES, *ACCELERABLE]
    if not quick:
        return [*cases, *NETWORKS]
    first = {(case.kind, case.name.split()[0].rstrip(",")): case for case in reversed(cases)}
    return [*reversed(first.values()), NETWORKS[0]]


def _jobs_of(
    case: Any, places: Places, seed: int, quick: bool, own: bool
) -> Iterator[tuple[str, Callable[[], Any]]]:
    if not own and case.kind != "kernel":
        yield "recorded", lambda: check_recorded(case)
    if case.kind == "schedule":
        yield "schedule", lambda: check_schedule(case)
    elif case.kind == "network":
        n, dtypes = _N_STEPS[quick], _DTYPES[quick]
        yield "trajectory", lambda: check_trajectories(case, seed, n, places, dtypes)
        yield "audit", lambda: check_audit(case, seed, places, dtypes)
        yield "determinism", lambda: check_runs_twice(case, seed, n, places)
    else:
        draws, dtypes = draws_of(case, seed, quick), _DTYPES[quick]
        yield "oracle", lambda: check_oracle(case, draws, places, dtypes)
        if case.kind != "kernel":
            yield "audit", lambda: check_audit(case, seed, places, dtypes)
        if case.kind in ("layer", "loss") and (own or not quick):
            yield "derivative", lambda: check_derivatives(case, seed)
        if case.kind in ("layer", "loss", "kernel") and (own or not quick):
            yield "special", lambda: check_special(case, seed, places)
        if not quick:
            many = Draw(seed, MANY if case.kind == "kernel" else 0)
            yield "determinism", lambda: check_determinism(case, many, places)
