"""StepCheck: a step taken by a plan and by the readable code, from the same start, compared.

The readable half up to the gradients runs first, then the plan takes the step. The optimizer's half
runs on the plan's gradients once they have been found right: Adam divides a gradient by its own
size, and makes much of what is rounding noise.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from portanet.checks import skip_value_checks
from portanet.commit import update_together
from portanet.compiler.graph.collector import without_collector
from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.runtime.parameter_memory import ParameterMemory
from portanet.compiler.tracing.layout import in_c_order
from portanet.compiler.verification import compare, host_run
from portanet.compiler.verification.judge import Judge, announce
from portanet.compiler.verification.reductions import Remembered, joined_sums_of, why_together
from portanet.compiler.verification.rule_run import RuleRun
from portanet.dispatch import draws_given
from portanet.joined import present_share, sharing
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential
from portanet.several import Arrays, map_parts
from portanet.typing import Array


class StepCheck:
    """Takes one step both ways. `why` says in words what differs, None if nothing does."""

    def __init__(
        self, model: Sequential, optimizer: Optimizer, planned: CheckedPlan, *, exact: bool
    ) -> None:
        self.model, self.optimizer, self.planned, self.exact = model, optimizer, planned, exact
        self.memory: ParameterMemory = planned.memory
        self.why: str | None = None
        self.joined: dict[str, Array] | None = None  # the plan's sums over all ranks
        self.grads: dict[str, Array] = {}  # the plan's gradients, once they have been found right

    @without_collector()
    def run(self, x: Arrays, y: Arrays) -> Array:
        """Take the step; return its losses. If `why` is set, the readable step was taken."""
        # sums of another order are no difference
        self.batch = map_parts(in_c_order, x), map_parts(in_c_order, y)
        self._remember()
        try:
            self.drawn, self.scalars = self.planned.draw(), self.planned.scalars()
            losses = self._readable_half()
            self.memory.lend()  # what the forward pass has made of buffers is dropped
        except BaseException:
            self.memory.lend()  # interrupted, maybe while it lent
            raise
        self._replay()
        if self.why is None:
            waiting = self.counters["n_accumulated"]
            self.joined, why = joined_sums_of(self.planned, self.start, waiting)
            self.why = why or self._first_difference()
        self.why = why_together(self.why)
        if self.why is not None:
            return self._take_readable(losses)
        return self.planned.plan.losses()

    def _remember(self) -> None:
        """Copy what the step starts from, and let the model have the copies."""
        self.homes = self.memory.copies()
        self.start = self.memory.named(self.homes)
        self.memory.touched = True
        for holder, name in self.memory.holders:
            holder.value = self.start[name]
        self.attributes = [
            (vars(part), key, vars(part).get(key)) for part, key, _ in self.planned.attributes
        ]
        state = self.optimizer.memory
        self.counters = {"n_steps": state.n_steps, "n_accumulated": state.n_accumulated}
        self.ages = dict(state.ages)

    def _readable_half(self) -> Array:
        model, (x, y), start = self.model, self.batch, perf_counter()
        self.reductions = Remembered()
        with draws_given(self.drawn), skip_value_checks(), sharing(self.reductions.recording()):
            y_hat = model.forward(x, training=True)
            losses = model.criterion.forward(y_hat, y, training=True)
            model.backward()
        self.optimizer.check_gradients()
        self.seconds = perf_counter() - start
        self.readable = {**self.planned.attributes_now(), "losses": losses}
        grads = {n: p.grad for n, p in model.named_parameters().items() if p.grad is not None}
        self.readable |= {f"grad:{name}": grad for name, grad in grads.items()}
        self.readable |= {name: b.value for name, b in model.named_buffers().items()}
        return losses

    def _replay(self) -> None:
        try:
            self.planned.plan.load(*self.batch)
            self.planned.run(self.scalars, self.drawn)
        except Exception as error:
            if present_share() is not None:  # the other ranks wait for what this one was to send
                raise
            self.why = f"the plan raises {type(error).__name__}: {error}"

    def _first_difference(self) -> str | None:
        results = self.planned.plan.results
        got = {name: results[name] for name in self.readable if name in results}
        got |= {name: self.memory.view(name) for name in self.model.named_buffers()}
        readable = {name: array for name, array in self.readable.items() if name in got}
        start = {name: self.start[name] for _, name in self.memory.holders}
        given = self.batch, self.attributes, self.drawn, self.reductions.playing
        run = host_run.GradientRun(self.model, start, *given)
        if (why := self._compared(got, readable, run.on_tape)) is not None:
            return why
        self.grads = {n: results[n] for n in readable if n.startswith("grad:")}
        self.readable = {n: a for n, a in readable.items() if n not in self.grads}
        return self._rule_difference()

    def _rule_difference(self) -> str | None:
        """Compare what the plan has made of values and slots with the rules on its gradients."""
        grads = {name.removeprefix("grad:"): grad for name, grad in self.grads.items()}
        waiting = self.counters["n_accumulated"]
        rules = RuleRun(self.planned, self.scalars, self.start, grads, waiting, self.joined)
        got: dict[str, np.ndarray] = {}  # of the parameters about which there is a question
        readable: dict[str, np.ndarray] = {}
        found: dict[str, str] = {}
        for own in rules.one_by_one():
            here = host_run.on_host({name: self.memory.view(name) for name in own})
            there = host_run.on_host(own)
            differ = self._differences(here, there)
            if differ:
                got, readable, found = got | here, readable | there, found | differ
        return self._judged(got, readable, found, rules.on_tape)

    def _compared(
        self, got: dict[str, Array], readable: dict[str, Array], run: Callable[..., Any]
    ) -> str | None:
        """Return the first array that differs, with words, None if all agree."""
        here, there = host_run.on_host(got), host_run.on_host(readable)
        return self._judged(here, there, self._differences(here, there), run)

    def _judged(
        self, here: dict[str, np.ndarray], there: dict[str, np.ndarray], found: dict[str, str],
        run: Callable[..., Any],
    ) -> str | None:  # fmt: skip
        """Return which of the arrays that were found to differ is wrong, None if all are right."""
        if self.exact or not found:
            return compare.first(found)
        announce(self.seconds)
        judge = Judge(partial(run, names=found.keys()), there)
        try:
            found = judge.verdict(here, found)
        except Exception as error:  # noqa: BLE001 - code that does not run on the host, say
            found = {name: f"{words} (no float64 run: {error})" for name, words in found.items()}
        self.planned.levels |= judge.levels
        return compare.first(found)

    def _differences(
        self, got: dict[str, np.ndarray], readable: dict[str, np.ndarray]
    ) -> dict[str, str]:
        allowed = compare.nothing if self.exact else self._allowed
        return compare.difference(got, readable, allowed)

    def _allowed(self, name: str, wanted: np.ndarray) -> Any:
        times = 2 * self.planned.levels.get(name, 0.0)
        return compare.some_ulps(name, wanted) * max(1.0, times)

    def _take_readable(self, losses: Array) -> Array:
        """Go back to the start, and take the step as it is written."""
        self.grads = {name: self.planned.engine.new(grad) for name, grad in self.grads.items()}
        self.memory.restore(self.homes)
        state, own = self.optimizer.memory, self.planned.counters
        vars(state).update(self.counters)
        state.ages.clear()
        state.ages.update(self.ages)
        self.memory.lend()
        grads = self.readable | self.grads
        for name, parameter in self.model.named_parameters().items():
            parameter.grad = grads.get(f"grad:{name}")
        for part, attribute, name in self.planned.attributes:
            vars(part)[attribute] = self.readable[name]
        own.prepare()
        pairs = own.pairs()
        update_together([target for target, _ in pairs], [new for _, new in pairs])
        self._assign(grads)
        trainable = self.optimizer.trainable()
        state.used = {name: parameter.grad for name, parameter in trainable.items()}
        return losses

    def _assign(self, grads: dict[str, Array]) -> None:
        """Give the model what the rules make of gradients, with the numbers that were asked for."""
        named = {name.removeprefix("grad:"): grad for name, grad in grads.items()}
        waiting = self.counters["n_accumulated"]
        new = RuleRun(self.planned, self.scalars, self.start, named, waiting).readable()
        buffers = {name: self.readable[name] for name in self.model.named_buffers()}
        for name, array in (new | buffers).items():
            self.memory.put(name, array)
        self.memory.has_moved |= self.planned.moves
        self.memory.lend()
