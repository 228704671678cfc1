"""Counters: how an optimizer's counters advance with a step that a plan takes."""

from collections.abc import Callable
from functools import partial
from typing import Any

from portanet.compiler.runtime.parameter_memory import ParameterMemory
from portanet.compiler.tracing.rule_group import RuleGroup
from portanet.optimizer import Optimizer

Pair = tuple[dict[str, Any], dict[str, Any]]


class Counters:
    """n_steps, n_accumulated, the ages of some groups' parameters, and which sums wait.

    `prepare` writes down what they will be; `calls` are C-level calls that then store it, for the
    plan to make right after it has written the states.
    """

    def __init__(
        self, optimizer: Optimizer, groups: list[RuleGroup], memory: ParameterMemory
    ) -> None:
        self._optimizer, self._groups, self._memory = optimizer, groups, memory
        self._news: dict[str, Any] = {}
        self._ages: dict[str, int] = {}

    def prepare(self) -> None:
        """Write down what the counters will be after this step."""
        state, accumulate = self._optimizer.memory, self._optimizer.accumulate
        if accumulate > 1:
            self._news["n_accumulated"] = waiting = (state.n_accumulated + 1) % accumulate
            self._news["sums"] = self._memory.sums(waiting=waiting > 0)
            if waiting:
                self._news.pop("n_steps", None)
                self._ages.clear()
                return
        self._news["n_steps"] = state.n_steps + 1
        ages, known = self._ages, state.ages
        for group in self._groups:
            names = group.names
            age = known.get(names[0], 0) + 1
            for name in names:
                ages[name] = age

    def calls(self) -> list[Callable[[], Any]]:
        """Return the calls that store what was prepared, where the optimizer's memory is now."""
        return [partial(target.update, news) for target, news in self.pairs()]

    def pairs(self) -> list[Pair]:
        """Return the same as (dict, changes)."""
        state = self._optimizer.memory
        return [(vars(state), self._news), (state.ages, self._ages)]
