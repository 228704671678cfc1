"""Audit: what one step did with its arrays. Transfer: what went between host and device."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

Direction = Literal["fetched", "to host", "to device", "waits"]


@dataclass(frozen=True)
class Transfer:
    """A copy between host and device, or a place where the host waits for the device.

    direction  "fetched": Python asked for the numbers of an array, in silence: bool(x), x.item()
               "to host": by backend.to_numpy, the one way that is meant for it
               "to device": by from_host (dropout's draws), or an array that is made of numbers
               "waits": for an operation whose result's shape depends on numbers, or as told
    what       "bool(x)", "from_host"
    line       "mymodel.py:17"
    method     "Gate.forward", "" where no layer, loss or rule is at work
    times      how often
    """

    direction: Direction
    what: str
    line: str
    method: str = ""
    times: int = 1

    def __str__(self) -> str:
        inside = f", in {self.method}" if self.method else ""
        return f"{self.what} at {self.line}{inside}"


@dataclass(frozen=True)
class Audit:
    """A step of a case on one backend in one dtype.

    `tensors` has for each named tensor (forward values, gradients, parameters, slots, losses) its
    dtype and device, "float32 on cpu"; `n_results` is how many results of operations were looked at
    beside these; `transfers` is the ledger, `n_steps` how many steps it is of.
    """

    case: str
    backend: str
    dtype: str
    n_steps: int = 1
    n_results: int = 0
    tensors: dict[str, str] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)


def ledger_rows(audits: Iterable[Audit]) -> list[tuple[Transfer, list[str]]]:
    """Return the transfers of all audits, the most frequent first, and on which backends.

    >>> sent = Transfer("to device", "from_host", "portanet/layers/dropout.py:39")
    >>> audits = [Audit("net", name, "float32", transfers=[sent]) for name in ("torch", "jax")]
    >>> [(row.times, backends) for row, backends in ledger_rows(audits)]
    [(2, ['torch', 'jax'])]
    """
    times: Counter[Transfer] = Counter()
    backends: dict[Transfer, dict[str, None]] = defaultdict(dict)
    for audit in audits:
        for transfer in audit.transfers:
            once = replace(transfer, times=1)
            times[once] += transfer.times
            backends[once][audit.backend] = None
    return [(replace(t, times=n), list(backends[t])) for t, n in times.most_common()]
