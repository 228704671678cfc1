"""run_ranks: what N ranks compute beside one rank with the joined batch, as a report."""

from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from portanet.checks import check_count
from portanet.errors import ArgumentError
from portanet.verify.ranks.comparing import (
    Parting,
    beside_rank_0,
    first,
    largest,
    partings,
    yardstick,
)
from portanet.verify.ranks.networks import BATCH, CASES, RankCase
from portanet.verify.ranks.recording import WAYS, Recorded, record
from portanet.verify.ranks.starting import start
from portanet.verify.report import Finding, Report, Skipped
from portanet.verify.report.machine import machine_of
from portanet.verify.report.places import place_of

_MOST = 1500  # characters of what ranks have said
_NOT_INSTALLED = 2  # the status of portanet.distributed.run without mpiexec


def run_ranks(
    n: int = 2,
    backend: str = "numpy",
    *,
    cases: Sequence[str] | None = None,
    say: Callable[[str], None] | None = None,
) -> Report:
    """Train small networks on n ranks, started here, and on one; return what agrees.

    Each network is trained as it is written and compiled, for 20 steps in float64. Compared are the
    samples that a rank reads, the losses of each step, learning rates, statistics, slots and
    weights. `cases` are names, or beginnings of names, of portanet/verify/ranks/networks.py.

    Raises ArgumentError for another backend than "numpy" (MPI) or "cupy" (NCCL), for n below 1 and
    for unknown names, MissingBackendError if CuPy does not run here.
    """
    check_count("verify", "n", n, 1)
    if backend not in ("numpy", "cupy"):
        raise ArgumentError(
            f"verify: --distributed needs the backend numpy (MPI) or cupy (NCCL), is {backend!r}"
        )
    meant = [c for c in CASES if cases is None or any(c.name.startswith(name) for name in cases)]
    if not meant:
        names = ", ".join(repr(case.name) for case in CASES)
        raise ArgumentError(f"verify: no case begins so; --distributed has {names}")
    report = Report(5, [backend], machine=machine_of([place_of(backend)]))
    with TemporaryDirectory() as folder:
        if say is not None:
            say(f"{n} ranks: {len(meant)} networks")
        report.add(_items(n, backend, Path(folder), meant, say))
    return report


def _items(
    n: int,
    backend: str,
    folder: Path,
    cases: Sequence[RankCase],
    say: Callable[[str], None] | None,
) -> Iterator[Finding | Skipped]:
    for case in [case for case in cases if not case.is_joined and n > BATCH // 2]:
        why = f"{case.name}: a batch has {BATCH} rows, and each rank needs two"
        yield Skipped(f"{n} ranks", backend, case.name, why)
        cases = [other for other in cases if other is not case]
    status, output = start(n, backend, folder, [case.name for case in cases])
    if status == _NOT_INSTALLED and "no mpiexec" in output:
        yield Skipped(f"{n} ranks", backend, "", output.strip())
        return
    for case in cases:
        if say is not None:
            say(f"one rank: {case.name}")
        for way in WAYS:
            stem = folder / f"{CASES.index(case)}-{way}-"
            yield from _findings(case, way, backend, [f"{stem}{rank}" for rank in range(n)])
    if status:
        note = f"the ranks ended with status {status}\n{output[-_MOST:]}"
        yield Finding(f"{n} ranks", "network", "all", "", backend, "float64", False, inf, note=note)


def _findings(case: RankCase, way: str, backend: str, files: Sequence[str]) -> Iterator[Finding]:
    """Yield the finding of what ranks have written; none where one has not come so far."""
    reasons = [Path(f"{file}.txt") for file in files]
    if refused := [i for i, path in enumerate(reasons) if path.exists()]:
        check, note = f"{len(files)} ranks, {way}", reasons[refused[0]].read_text()
        note = f"rank {refused[0]}, steps are not compiled: {note}"
        yield Finding(check, "network", case.name, "", backend, "float64", False, inf, note=note)
    elif all(Path(f"{file}.npz").exists() for file in files):
        yield _finding(case, way, backend, [dict(np.load(f"{file}.npz")) for file in files])


def _finding(case: RankCase, way: str, backend: str, ranks: Sequence[Recorded]) -> Finding:
    """Compare a network's ranks with one rank, or with each other."""
    check = f"{len(ranks)} ranks, {way}"
    if not case.is_joined:
        found = list(beside_rank_0(ranks))
        return _row(check, case, backend, found, None, None)
    one, rounded = (
        record(case, way, backend, dtype, distributed=False) for dtype in ("float64", "float32")
    )
    wanted = yardstick(one, rounded)
    found = list(partings(ranks, wanted))
    size = 0.0 if found else largest(ranks, wanted)
    return _row(check, case, backend, found, size, wanted.allowed)


def _row(
    check: str,
    case: RankCase,
    backend: str,
    found: Sequence[Parting],
    size: float | None,
    allowed: float | None,
) -> Finding:
    tensor, note = "", ""
    if found:
        parting = first(found)
        tensor, size, allowed, note = parting.tensor, parting.size, parting.allowed, str(parting)
        note += f"; {len(found)} tensors differ in all" if len(found) > 1 else ""
    return Finding(
        check, "network", case.name, tensor or "everything", backend, "float64", not found, size,
        None, allowed, "", note,
    )  # fmt: skip
