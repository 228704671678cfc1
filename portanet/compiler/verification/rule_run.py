"""The optimizer's half of a step, by the readable rules on given gradients, and under a tape."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.verification import host_run
from portanet.compiler.verification.noise import NoisyTape
from portanet.typing import Array


class RuleRun:
    """What the rules of a plan's groups make of gradients.

    `start` holds values and slots by name ("layers.0.bias", "layers.0.bias/m"), and the sums of
    gradients ("layers.0.bias/+"); `grads` the gradients of this step; `scalars` each group's.
    """

    def __init__(
        self, planned: CheckedPlan, scalars: list[dict[str, float]],
        start: Mapping[str, Array], grads: Mapping[str, Array], n_accumulated: int,
    ) -> None:  # fmt: skip
        self.planned, self.scalars = planned, scalars
        self.start, self.grads, self.n_accumulated = start, grads, n_accumulated

    def readable(self) -> dict[str, Array]:
        """Return new values, slots and sums by name, where the model lies."""
        return self._run(lambda array: array)

    def on_tape(self, tape: NoisyTape, names: Collection[str]) -> dict[str, np.ndarray]:
        """Return the same on the host, under a tape, of the parameters that some names belong to.

        What a rule makes of a parameter does not depend on the others.
        """
        start, grads = host_run.on_host(self.start), host_run.on_host(self.grads)
        of_host = RuleRun(self.planned, self.scalars, start, grads, self.n_accumulated)
        found = of_host._run(tape.enter, names)
        return {name: np.asarray(t.array) for name, t in found.items()}

    def _run(
        self, enter: Callable[[Any], Any], only: Collection[str] | None = None
    ) -> dict[str, Any]:
        optimizer, found = self.planned.optimizer, {}
        names = [name for group in self.planned.groups for name in group.names]
        grads = {name: enter(self.grads[name]) for name in names}
        if optimizer.accumulate > 1:
            if self.n_accumulated:
                grads = {name: enter(self.start[f"{name}/+"]) + g for name, g in grads.items()}
            if self.n_accumulated + 1 < optimizer.accumulate:
                return {f"{name}/+": total for name, total in grads.items()}
            grads = {name: total / optimizer.accumulate for name, total in grads.items()}
        grads = optimizer.clipped(grads)
        for group, scalars in zip(self.planned.groups, self.scalars, strict=True):
            for name in group.names:
                own = (name, *(f"{name}/{key}" for key in group.slot_names[name]))
                if only is not None and not any(part in only for part in own):
                    continue
                slots = {key: enter(self.start[f"{name}/{key}"]) for key in group.slot_names[name]}
                found[name], slots = group.rule.update(
                    enter(self.start[name]), grads[name], slots, scalars
                )
                found |= {f"{name}/{key}": slot for key, slot in slots.items()}
        return found
