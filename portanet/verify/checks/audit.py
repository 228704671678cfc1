"""The audit of a step: where every tensor is, in which dtype, and what left the device.

Each result of an operation, named or not, must be on the network's backend and device, and in its
dtype if it holds floats: a float64 intermediate in a float32 network is found where it comes in,
even if it is cast back. Numbers that Python takes out of an array in silence (bool(x), float(x),
numpy.asarray(x)) are faults: each makes a device wait. What is copied by backend.to_numpy, and what
is sent to the device, is in the ledger and fails nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from portanet.backends import Backend
from portanet.verify.audit.code_line import error_with_line
from portanet.verify.audit.place import Audited
from portanet.verify.catalogue import Case
from portanet.verify.catalogue.networks import NetworkCase
from portanet.verify.report import Finding, Skipped
from portanet.verify.report.audit import Audit, Transfer
from portanet.verify.report.places import each
from portanet.verify.runs.compute import compute
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.training import Training
from portanet.verify.runs.where import OnBackend, Where

N_STEPS = 2  # of a network: the second has slots, and moves where gradients are accumulated


def check_audit(
    case: Case | NetworkCase, seed: int, places: Mapping[str, Backend], dtypes: Sequence[str]
) -> Iterator[Finding | Skipped | Audit]:
    """Yield for each place and dtype one finding if all is well, one for each fault if not."""
    for name, place in each(places.items()):
        for dtype in [d for d in dtypes if d in place.dtypes]:
            audited = Audited(place, dtype)
            row = Finding("audit", case.kind, case.name, "every tensor", name, dtype, True)
            yield from _run(case, Draw(seed), place, audited, row)
            faults = list(_faults(audited))
            for tensor, note in faults:
                yield replace(row, tensor=tensor, passed=False, note=note)
            if not faults:
                yield replace(row, note=f"{audited.tape.n_results} results of operations")
            yield _record(case, name, dtype, audited)


def _run(
    case: Any, draw: Draw, place: Backend, audited: Audited, row: Finding
) -> Iterator[Finding | Skipped]:
    """Take the step; yield why it could not be taken, as a fault if it cannot without audit."""
    try:
        _take(case, draw, audited)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the check has found
        what = error_with_line(error)
        audited.look_at_gradients()
        try:
            _take(case, draw, OnBackend(place, row.dtype))
        except Exception:  # noqa: BLE001 - the step is wrong, whoever looks at it
            yield replace(row, tensor="", passed=False, ulps=inf, note=what)
        else:
            yield Skipped("audit", row.backend, row.case, f"in wrapped arrays: {what}")


def _take(case: Any, draw: Draw, where: Where) -> None:
    if isinstance(case, NetworkCase):
        Training(case, draw, where).steps(N_STEPS)
    else:
        compute(case, draw, where)


def _faults(audited: Audited) -> Iterator[tuple[str, str]]:
    """Yield (tensor, note): named tensors, intermediate results that reach none, fetches."""
    named = set()
    for tensor, (what, leak) in audited.faults.items():
        if leak is None or leak not in named:
            yield tensor, f"{what}: {tensor}" + (f", {leak}" if leak is not None else "")
        named.add(leak)
    for leak in audited.tape.leaks:
        if leak not in named:
            yield leak.operation, f"{leak.what}: {leak}"
    for transfer in audited.tape.transfers:
        if transfer.direction == "fetched":
            yield transfer.what, _fetched(transfer)


def _fetched(transfer: Transfer) -> str:
    inside = f", in {transfer.method}" if transfer.method else ""
    return f"{transfer.what} fetched from the device at {transfer.line}{inside}"


def _record(case: Any, name: str, dtype: str, audited: Audited) -> Audit:
    transfers = [replace(t, times=n) for t, n in audited.tape.transfers.items()]
    n_steps = N_STEPS if isinstance(case, NetworkCase) else 1
    n = audited.tape.n_results
    return Audit(case.name, name, dtype, n_steps, n, audited.tensors, transfers)
