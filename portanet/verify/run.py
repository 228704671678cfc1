"""run: everything that the agreement kit checks, on the backends that there are; a Report."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from portanet import backends
from portanet.backends import Backend
from portanet.errors import MissingBackendError
from portanet.verify.catalogue import ACCELERABLE, LAYERS, LOSSES, METRICS, OPTIMIZERS, Case
from portanet.verify.checks.oracle import check_oracle
from portanet.verify.report import Report, Skipped
from portanet.verify.report.known import explained
from portanet.verify.report.machine import machine_of
from portanet.verify.report.places import place_of
from portanet.verify.runs import layouts
from portanet.verify.runs.draws import draws_of

Say = Callable[[str], None]


def run(
    backends: Sequence[str] | None = None,
    *,
    model: str | None = None,
    seed: int = 0,
    quick: bool = False,
    say: Say | None = None,
) -> Report:
    """Compare backends with NumPy in float64, and return a report.

    `backends` are names, with a device where it is not the default one: "torch", "cupy:1",
    "strict:no_float64"; None takes all that run here. `model` is "path.py:factory", of your own
    layer, loss or network (own.py): then only this is checked. `seed` decides every input; the
    same seed gives the same report. `quick` takes one draw of each case, and is over within a
    minute. `say` is told what is being checked.

    Raises MissingBackendError if a backend that was named does not run here, ArgumentError for an
    unknown name.

    >>> report = run(["numpy"], quick=True, only=["ReLU", "MSE"])
    >>> report.exit_status, report.counts["failed"]
    (0, 0)
    """
    places, missing = places_for(backends)
    report = Report(seed, list(places), quick, machine=machine_of(places.values()))
    report.add(missing)
    return report


def places_for(names: Sequence[str] | None) -> tuple[dict[str, Backend], list[Skipped]]:
    """Return the places to compare, by name; and what of all backends does not run here."""
    if names is not None:
        return {name: place_of(name) for name in names}, []
    places, missing = {}, []
    for name in (*backends.names(), "strict:no_float64"):
        try:
            places[name] = place_of(name)
        except MissingBackendError as error:
            missing.append(Skipped("", name, "", str(error)))
    return places, missing
