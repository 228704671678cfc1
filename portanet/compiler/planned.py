"""Planned: one plan of a step, and all that a replay of it must leave as the step would."""

from typing import Any

from portanet.compiler.store import Store
from portanet.compiler.trace import Trace
from portanet.layer import Sequential
from portanet.optimizer import Optimizer
from portanet.typing import Array


class Planned:
    """A plan for batches of one shape. `checked`: it has been compared with the readable step."""

    def __init__(
        self, engine: Any, store: Store, model: Sequential, optimizer: Optimizer, trace: Trace
    ) -> None:
        self.store, self.model, self.optimizer = store, model, optimizer
        self.checked = False
        self.graph, self.attributes = trace.tape.graph, trace.attributes
        self.groups = [group.without_arrays() for group in trace.groups]
        self._own_rates = {id(rule) for _, own_rate, rule in optimizer._rules if own_rate}
        self._new = engine.new
        self.plan = engine.plan(self.graph, store.homes)

    def load(self, x: Array, y: Array) -> None:
        """Copy a batch to where the plan wants it, unless it is there."""
        self.plan.load(x, y)

    def draw(self) -> list[Any]:
        """Return what this step draws on the host."""
        return [draw() for _, draw in self.graph.hosts]

    def replay(self, drawn: list[Any]) -> None:
        """Run the plan with the numbers of this step."""
        self.plan.set_numbers(self._numbers(), drawn)
        self.plan.replay()

    def results(self) -> dict[str, Array]:
        """Return copies of the results."""
        return {name: self._new(array) for name, array in self.plan.results.items()}

    def count(self) -> None:
        """Note in the optimizer that it has taken a step."""
        held, ages = vars(self.optimizer), self.optimizer._ages
        if self.optimizer.accumulate > 1:
            waiting = (self.optimizer.n_accumulated + 1) % self.optimizer.accumulate
            held["n_accumulated"] = waiting
            self.store.show_sums()
            if waiting:
                return
        held["n_steps"] += 1
        for group in self.groups:
            for name in group.names:
                ages[name] = ages.get(name, 0) + 1

    def bind(self) -> None:
        """Let gradients, and arrays that layers keep, show where this plan leaves them."""
        results = self.plan.results
        for name, parameter in self.model.named_parameters().items():
            parameter.grad = results.get(f"grad:{name}")
        for part, attribute, name in self.attributes:
            vars(part)[attribute] = results[name]
        names = [name for group in self.groups for name in group.names]
        vars(self.optimizer)["_used"] = {name: results[f"grad:{name}"] for name in names}

    def _numbers(self) -> list[dict[str, float]]:
        """Return the numbers of this step, for each group of parameters."""
        optimizer, numbers = self.optimizer, []
        for group in self.groups:
            rule, held = group.rule, vars(group.rule)
            age = optimizer._ages.get(group.names[0], 0) + 1
            if rule is not optimizer and id(rule) not in self._own_rates:
                held["lr"] = optimizer.lr
            held["offset"] = optimizer.n_steps + 1 - age
            numbers.append(rule.scalars(age))
        return numbers
