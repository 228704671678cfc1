"""run: everything that the agreement kit checks, on the backends that there are.

Not `run.py`: a module of that name would take the function's place in `portanet.verify`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from typing import Any

from portanet.errors import ArgumentError
from portanet.verify.audit.code_line import error_with_line
from portanet.verify.own import own_cases
from portanet.verify.plan import Job, jobs_of
from portanet.verify.report import Finding, Report
from portanet.verify.report.machine import machine_of
from portanet.verify.report.places import places_for


def run(
    backends: Sequence[str] | None = None,
    *,
    model: str | None = None,
    cases: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    say: Callable[[str], None] | None = None,
) -> Report:
    """Compare backends with NumPy in float64, and return a report.

    `backends` are names, with a device where it is not the default one: "torch", "cupy:1",
    "strict:no_float64"; None takes all that run here. `model` is "path.py:factory" of your own
    layer, loss or network (portanet/verify/own.py): then only this is checked. `cases` are names,
    or beginnings of names, of the catalogue: only these. `seed` decides every input: the same seed
    gives the same report on the same machine. `quick` takes one draw of one case for each public
    name, in float32; on JAX, which compiles each operation for each shape, every second of them.
    `say` is told what is being checked.

    Raises MissingBackendError if a backend that was named does not run here, ArgumentError for an
    unknown name.

    >>> report = run(["numpy"], cases=["Sigmoid", "MSE"], quick=True)
    >>> report.exit_status, report.counts["failed"]
    (0, 0)
    """
    places, missing = places_for(backends)
    report = Report(seed, list(places), quick, machine=machine_of(places.values()))
    report.add(missing)
    own = None if model is None else own_cases(model)
    jobs = [job for job in jobs_of(places, seed, quick, own) if _is_meant(job, cases)]
    if not jobs:
        raise ArgumentError(f"verify: no case begins with {' or '.join(map(repr, cases or ()))}")
    for job in jobs:
        if say is not None:
            say(f"{job.check}: {job.case}")
        report.add(_items(job))
    return report


def _items(job: Job) -> Iterator[Any]:
    """Yield what a job finds; an error of the oracle, NumPy in float64, is a finding, too."""
    try:
        yield from job.run()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        what = error_with_line(error)
        yield Finding(job.check, job.kind, job.case, "", "numpy", "float64", False, inf, note=what)


def _is_meant(job: Job, names: Iterable[str] | None) -> Any:
    return names is None or any(job.case.startswith(name) for name in names)
