"""The optimizer's half of a step, by the readable rules on given gradients, and under a tape."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.verification import host_run
from portanet.compiler.verification.noise import NoisyTape
from portanet.joined import joined_sums
from portanet.optimizer import Optimizer
from portanet.typing import Array


class RuleRun:
    """What the rules of a plan's groups make of gradients.

    `start` holds values and slots by name ("layers.0.bias", "layers.0.bias/m"), and the sums of
    gradients ("layers.0.bias/+"); `grads` the gradients of this step; `scalars` each group's.
    `joined` are the sums over all ranks, where they are known: else the ranks are asked.
    """

    def __init__(
        self, planned: CheckedPlan, scalars: list[dict[str, float]],
        start: Mapping[str, Array], grads: Mapping[str, Array], n_accumulated: int,
        joined: Mapping[str, Array] | None = None,
    ) -> None:  # fmt: skip
        self.joined = joined
        self.planned, self.scalars = planned, scalars
        self.start, self.grads, self.n_accumulated = start, grads, n_accumulated

    def readable(self) -> dict[str, Array]:
        """Return new values, slots and sums by name, where the model lies."""
        return {name: array for own in self.one_by_one() for name, array in own.items()}

    def one_by_one(self) -> Iterator[dict[str, Array]]:
        """Yield the same, a parameter at a time: those of all at once take much memory."""
        return self._run(lambda array: array)

    def on_tape(self, tape: NoisyTape, names: Collection[str]) -> dict[str, np.ndarray]:
        """Return the same on the host, under a tape, of the parameters that some names belong to.

        What a rule makes of a parameter does not depend on the others.
        """
        start, grads = host_run.on_host(self.start), host_run.on_host(self.grads)
        joined = None if self.joined is None else host_run.on_host(self.joined)
        of_host = RuleRun(self.planned, self.scalars, start, grads, self.n_accumulated, joined)
        found = of_host._run(tape.enter, names)
        return {name: np.asarray(t.array) for own in found for name, t in own.items()}

    def _run(
        self, enter: Callable[[Any], Any], only: Collection[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        optimizer = self.planned.optimizer
        own = {name: names for name, names in self._names().items() if _meet(names, only)}
        together = self._names() if _clips_together(optimizer) else own
        grads = {name: enter(self.grads[name]) for name in together}
        if optimizer.accumulate > 1:
            if self.n_accumulated:
                grads = {name: enter(self.start[f"{name}/+"]) + g for name, g in grads.items()}
            if self.n_accumulated + 1 < optimizer.accumulate:
                yield from ({f"{name}/+": total} for name, total in grads.items())
                return
            grads = {name: total / optimizer.accumulate for name, total in grads.items()}
        if self.joined is None:
            grads = joined_sums(grads)
        else:
            grads = {name: enter(self.joined[name]) for name in grads}
        ok, grads = optimizer.may_move(grads), optimizer.clipped(grads)
        for group, scalars in zip(self.planned.groups, self.scalars, strict=True):
            for name in (name for name in group.names if name in own):
                slots = {key: enter(self.start[f"{name}/{key}"]) for key in group.slot_names[name]}
                value = enter(self.start[name])
                value, slots = group.rule.update_if(ok, value, grads[name], slots, scalars)
                yield {name: value} | {f"{name}/{key}": slot for key, slot in slots.items()}

    def _names(self) -> dict[str, tuple[str, ...]]:
        """Return by each parameter's name those of its value, its slots and its sum."""
        return {
            name: (name, f"{name}/+", *(f"{name}/{key}" for key in group.slot_names[name]))
            for group in self.planned.groups
            for name in group.names
        }


def _clips_together(optimizer: Optimizer) -> bool:
    """Return whether what becomes of a gradient before its rule may depend on those of all."""
    if optimizer.loss_scale is not None:  # one that is infinite keeps all from moving
        return True
    return optimizer.clip_norm is not None or type(optimizer).clipped is not Optimizer.clipped


def _meet(names: Collection[str], only: Collection[str] | None) -> bool:
    return only is None or any(name in only for name in names)
