"""Planned: one plan of a step, and all that a replay of it must leave as the step would."""

import warnings
from typing import Any

from portanet.compiler.errors import NotCompiledWarning
from portanet.compiler.runtime.parameter_memory import Store
from portanet.compiler.tracing.optimizer_rules import RuleGroup
from portanet.compiler.tracing.trace import Trace
from portanet.layer import Sequential
from portanet.optimizer import Optimizer
from portanet.typing import Array

_LOOK_EVERY = 64  # replays


class Planned:
    """A plan for batches of one shape. `checked`: it has been compared with the readable step."""

    def __init__(
        self, engine: Any, store: Store, model: Sequential, optimizer: Optimizer, trace: Trace
    ) -> None:
        self.store, self.model, self.optimizer = store, model, optimizer
        self.checked = False
        self.graph, self.attributes = trace.tape.graph, trace.attributes
        self.groups = [group.without_arrays() for group in trace.groups]
        self.n_changes = trace.n_changes  # how many attributes draws assign to
        self._engine, self._n_until_look, self._proved = engine, _LOOK_EVERY, None
        self._new, self._replaces = engine.new, engine.replaces
        self.plan = engine.plan(self.graph, store.homes)
        self._grads = [
            (p, f"grad:{n}") for p, n, _ in store.parameters if f"grad:{n}" in self.graph.results
        ]
        self._moved = [name for group in self.groups for name in group.names]
        self._used: dict[str, Array] = {}
        self._shown: list[tuple[Any, Array]] = []

    def ready(self) -> bool:
        """Return whether the plan has been checked; now and then, look for a faster one."""
        self._n_until_look -= 1
        if self._n_until_look == 0:
            self._look_for_faster()
        return self.checked

    def _look_for_faster(self) -> None:
        self._n_until_look = _LOOK_EVERY
        try:
            plan = self._engine.faster(self.plan)
        except Exception as error:  # noqa: BLE001 - there is a plan that works
            self._stay(f"{type(error).__name__}: {error}")
            return
        if plan is not None:  # it must be checked in its turn
            self._proved, self.plan = self.plan, plan
            self.checked, self._used = False, {}

    def fall_back(self, why: str) -> bool:
        """Go back to the plan before, which has been checked, if there was one."""
        if self._proved is None:
            return False
        self.plan, self.checked, self._used = self._proved, True, {}
        self._stay(why)
        return True

    def _stay(self, why: str) -> None:
        """Look for no faster plan any more, and say why."""
        self._n_until_look = -1
        warnings.warn(
            f"a step is replayed as before, not faster: {why}. (fast=False: the same without this "
            "warning)",
            NotCompiledWarning,
            stacklevel=6,
        )

    def load(self, x: Array, y: Array) -> None:
        """Copy a batch to where the plan wants it, unless it is there."""
        self.plan.load(x, y)

    def draw(self) -> list[Any]:
        """Return what this step draws on the host."""
        hosts = self.graph.hosts
        return [draw() for _, draw in hosts] if hosts else []

    def replay(self, drawn: list[Any]) -> None:
        """Run the plan with the numbers of this step."""
        self.plan.set_numbers(self._numbers(), drawn)
        self.plan.replay()

    def results(self) -> dict[str, Array]:
        """Return copies of the results."""
        return {name: self._new(array) for name, array in self.plan.results.items()}

    def tried(
        self, x: Array, y: Array, drawn: list[Any]
    ) -> tuple[dict[str, Array], dict[str, Array], str | None]:
        """Return what the plan makes of a batch, results and states; or why it makes nothing.

        All states are left as they were.
        """
        before = self.store.copies()
        try:
            self.load(x, y)
            self.replay(drawn)
            return self.results(), self.store.copies(), None
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a plan, it is not used
            return {}, {}, f"the plan raises {type(error).__name__}: {error}"
        finally:
            self.store.restore(before)

    def attributes_now(self) -> dict[str, Array]:
        """Return the arrays that a readable step has left in layers, by the results' names."""
        return {name: vars(part)[attribute] for part, attribute, name in self.attributes}

    def count(self) -> None:
        """Note in the optimizer that it has taken a step."""
        count(self.optimizer, self.groups)
        if self.optimizer.accumulate > 1:
            self.store.show_sums()

    def bind(self) -> None:
        """Let gradients, and arrays that layers keep, show where this plan leaves them.

        Where states are replaced the model takes the new ones, too.
        """
        results = self.plan.results
        if self._replaces or not self._used:
            self._used = {name: results[f"grad:{name}"] for name in self._moved}
            self._shown = [(parameter, results[name]) for parameter, name in self._grads]
        for parameter, grad in self._shown:
            parameter.grad = grad
        for part, attribute, name in self.attributes:
            vars(part)[attribute] = results[name]
        self.optimizer.memory.used = self._used
        if self._replaces:
            self.store.show()

    def _numbers(self) -> list[dict[str, float]]:
        """Return the numbers of this step, for each group of parameters."""
        memory, numbers = self.optimizer.memory, []
        for group in self.groups:
            age = memory.ages.get(group.names[0], 0) + 1
            rule = group.rule.starting_after(memory.n_steps + 1 - age)
            numbers.append(rule.scalars(age))
        return numbers


def count(optimizer: Optimizer, groups: list[RuleGroup]) -> None:
    """Note in an optimizer that it has taken a step with the parameters of some groups."""
    memory, ages = optimizer.memory, optimizer.memory.ages
    if optimizer.accumulate > 1:
        waiting = memory.n_accumulated + 1
        memory.n_accumulated = waiting = waiting if waiting < optimizer.accumulate else 0
        if waiting:
            return
    memory.n_steps += 1
    for group in groups:
        for name in group.names:
            ages[name] = ages.get(name, 0) + 1
