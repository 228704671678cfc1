"""Sums over all ranks, while a step is verified: remembered, and played back.

Whether a step is judged in float64 is decided by each rank for itself, and the judge runs the code
several times: it must not ask the others. So the readable step remembers what was summed and what
came back; in a run of the judge a sum is this rank's own number and what the others had added.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from portanet.backends import array_namespace
from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.verification.compare import ULPS
from portanet.compiler.verification.host_run import one_on_host
from portanet.joined import Reduce, Share, agreed, present_share
from portanet.typing import Array


class Remembered:
    """The all-reduces of a readable step, in order."""

    def __init__(self) -> None:
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []
        self._share = present_share()

    def recording(self) -> Share | None:
        """Return the share with which the step is to be taken."""
        share = self._share
        if share is None:
            return None

        def reduce(x: Array, how: str) -> Array:
            found = share.reduce(x, how)
            self._pairs.append((one_on_host(x).copy(), one_on_host(found).copy()))
            return found

        return share.reducing(reduce)

    def playing(self) -> Share | None:
        """Return the share with which the same step is to be taken again, beside nobody."""
        if self._share is None:
            return None
        pairs = iter(self._pairs)

        def reduce(x: Any, how: str) -> Any:
            own, found = (np.asarray(array, np.float64) for array in next(pairs))
            if how == "max":
                return x - x + found
            return x + np.where(np.isfinite(own), found - own, 0.0)

        return self._share.reducing(reduce)


def why_together(why: str | None) -> str | None:
    """Return why a step of all ranks is not right: here, or on another one; None if it is."""
    if present_share() is None or not agreed(why is not None):
        return why
    return why or "another rank has found a difference"


def joined_sums_of(
    planned: CheckedPlan, start: Mapping[str, Array], n_accumulated: int
) -> tuple[dict[str, Array] | None, str | None]:
    """Return the plan's sums of gradients over all ranks, and in words what is wrong with them.

    They are compared with the ranks' own sums of the plan's gradients, so every rank comes here;
    None, None where no sums are taken. `start` holds what waited before the step.
    """
    share, results, prefix = present_share(), planned.plan.results, "joined:"
    names = [name.removeprefix(prefix) for name in results if name.startswith(prefix)]
    if share is None or not names:
        return None, None
    found = {name: results[f"{prefix}{name}"] for name in names}
    local, accumulate = (
        {name: results[f"grad:{name}"] for name in names},
        planned.optimizer.accumulate,
    )
    if accumulate > 1:
        if n_accumulated:
            local = {name: start[f"{name}/+"] + grad for name, grad in local.items()}
        local = {name: total / accumulate for name, total in local.items()}
    return found, _difference(_end_to_end(local), _end_to_end(found), share.reduce)


def _end_to_end(arrays: Mapping[str, Array]) -> Array:
    xp = array_namespace(next(iter(arrays.values())))
    return xp.concat([xp.reshape(array, (-1,)) for array in arrays.values()])


def _difference(local: Array, found: Array, reduce: Reduce) -> str | None:
    """Return how sums differ by more than a few units of the last place of what is summed."""
    wanted, size = one_on_host(reduce(local, "sum")), one_on_host(reduce(abs(local), "sum"))
    with np.errstate(invalid="ignore"):
        off = np.abs(one_on_host(found) - wanted)
        wrong = ~(off <= ULPS * np.finfo(wanted.dtype).eps * size) & np.isfinite(wanted)
    if not wrong.any():
        return None
    return f"compiled and uncompiled sums of the gradients differ in {wrong.sum()} numbers"
