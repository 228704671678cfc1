"""CheckedPlan: one plan of a step, when it is to be verified, and what a replay of it must leave.

A replay is one step as far as an interrupt can tell: the plan writes the states, and the
optimizer's counters advance, in one call of C code (`plan.finally_call`, see engines/base.py).
"""

from typing import Any

from portanet.compiler.runtime.counters import Counters
from portanet.compiler.runtime.faster import Faster
from portanet.compiler.runtime.parameter_memory import ParameterMemory
from portanet.compiler.runtime.refusal import warn_rejected
from portanet.compiler.runtime.value_checks import ValueChecks
from portanet.compiler.tracing.trace import Trace
from portanet.optimizer import Optimizer
from portanet.typing import Array

VERIFY_EVERY = 1024  # steps
_NO_DRAWS: list[Any] = []
LOOK_EVERY = 64  # steps: is there more to do?


class CheckedPlan:
    """A plan for batches of one shape.

    verified     it has been compared with the readable step, and agreed
    exact        the verification to come is to find the bits of the plan that this one replaces
    n_replays    how many steps it has taken
    until_event  how many replays are left before one at which there is more to do
    """

    def __init__(
        self, engine: Any, memory: ParameterMemory, optimizer: Optimizer, trace: Trace,
        values: ValueChecks,
    ) -> None:  # fmt: skip
        self.memory, self.optimizer, self.engine, self.values = memory, optimizer, engine, values
        self.graph, self.attributes = trace.tape.graph, trace.attributes
        self._draws = bool(self.graph.hosts)
        self.groups = [group.without_arrays() for group in trace.groups]
        self.n_changes, self.moves = trace.n_changes, trace.moves
        self._counted = _owners_of(trace)
        self._leaves_arrays = bool(self.attributes) or engine.replaces
        self._proved: Any = None  # the plan that a faster one has replaced
        self._faster = Faster(engine, self.graph, optimizer)
        self.counters = Counters(optimizer, self.groups, memory)
        self._good_until = 1
        self.use(engine.plan(self.graph, memory.homes, optimizer.n_steps + 1))

    def use(self, plan: Any) -> None:
        """Take a plan into use, which must be verified."""
        self.plan, self.verified, self.n_replays, self.until_event = plan, False, 0, 0
        self.exact = False
        self.levels: dict[str, float] = {}  # of arrays that were judged, see Judge
        self.bind()

    def bind(self) -> None:
        """Let the plan advance the counters that the optimizer has now."""
        self.plan.finally_call(self.counters.calls())
        self.look_ahead()

    def attributes_now(self) -> dict[str, Array]:
        """Return the arrays that a readable step has left in layers, by the results' names."""
        return {name: vars(part)[attribute] for part, attribute, name in self.attributes}

    # one step

    def draw(self) -> list[Any]:
        """Return what this step draws on the host."""
        hosts = self.graph.hosts
        return [how.draw() for _, how in hosts] if hosts else []

    def scalars(self) -> list[dict[str, float]]:
        """Return the numbers of this step, for each group of parameters."""
        state, found = self.optimizer.memory, []
        if not self.moves:
            return found
        n_steps, ages = state.n_steps, state.ages
        for group in self.groups:
            rule, age = group.rule, ages.get(group.names[0], 0) + 1
            if rule.offset != n_steps + 1 - age:
                rule = rule.starting_after(n_steps + 1 - age)
            found.append(rule.scalars(age))
        return found

    def replay(self) -> None:
        """Take the step with the batch that lies in the plan's inputs."""
        if self._draws:
            self._replay_with_draws()
        else:
            self.run(self.scalars(), _NO_DRAWS)
        self.until_event -= 1

    def _replay_with_draws(self) -> None:
        """Take the step; where it is interrupted before it was taken, nothing was drawn."""
        counts, state = [(held, key, held[key]) for held, key in self._counted], self._place()
        try:
            self.run(self.scalars(), self.draw())
        except BaseException:
            if self._place() == state:
                for held, key, value in counts:
                    held[key] = value
            raise

    def run(self, scalars: list[dict[str, float]], drawn: list[Any]) -> None:
        """Run the plan with the numbers of this step, and leave what the step would."""
        plan, memory = self.plan, self.memory
        plan.set_numbers(scalars, self._sent(drawn) if drawn else drawn)
        if memory.touched:  # draws, schedules and checks of values may have read parameters
            memory.adopt()
        self.counters.prepare()
        plan.replay()
        if memory.plan is not plan or not memory.shown:
            memory.show(plan, self.moves)
        self.n_replays += 1
        if self._leaves_arrays:
            for part, attribute, name in self.attributes:
                vars(part)[attribute] = self.engine.new(plan.results[name])
            if self.engine.replaces:
                memory.bind_slots()

    def _sent(self, drawn: list[Any]) -> list[Any]:
        hosts = self.graph.hosts
        return [how.sent(one) for (_, how), one in zip(hosts, drawn, strict=True)]

    def _place(self) -> tuple[int, int]:
        state = self.optimizer.memory
        return state.n_steps, state.n_accumulated

    # verification, and faster plans

    def is_due(self) -> bool:
        """Return whether the step to come is one at which the plan is verified."""
        return not self.verified or is_verified_at(self.n_replays + 2)

    def plan_ahead(self) -> None:
        """Set how many replays there are before the next one at which there is more to do."""
        step = self.n_replays + 1  # the first one was traced
        following = 2 ** step.bit_length() if step < LOOK_EVERY else LOOK_EVERY
        self.until_event = self._faster.steps_left(following - step % following - 1)

    def look_ahead(self) -> None:
        """Take in that other plans, or steps as they are written, have been taken."""
        if self.verified and self._faster.first is not None:
            self.plan_ahead()

    def look_for_faster(self, n_to_come: int = 0) -> None:
        """Take a faster plan of the same graph into use, if its step has come.

        n_to_come are steps that are expected to follow.
        """
        if self._faster.is_due(self.n_replays, n_to_come, verified=self.verified):
            plan = self._faster.made(self.plan)
            if plan is not None:
                self._proved = self.plan if self.verified else None
                self.use(plan)
                self.exact = self._faster.keeps_bits

    def accept(self) -> None:
        """Note that the plan agrees with the readable step."""
        self.verified, self._proved, self.exact = True, None, False
        self._good_until = self.n_replays + 1
        self.plan_ahead()

    def start_over(self) -> None:
        """Count the step just taken as the traced one: the next batch shows what was frozen."""
        self.n_replays = 0
        if self.verified:
            self.plan_ahead()

    def doubt(self) -> str:
        """Say since when results may be wrong, if a plan that had been verified is wrong now."""
        if self.n_replays <= self._good_until:
            return ""
        return f"; results since step {self._good_until} with such batches are in doubt"

    def revert(self, why: str) -> bool:
        """Go back to the plan that this one has replaced, which was verified, if there was one."""
        if self._proved is None:
            return False
        self.plan, self.verified, self._proved = self._proved, True, None
        self.exact = False
        self.bind()
        self.plan_ahead()
        warn_rejected(why)
        return True


def is_verified_at(step: int) -> bool:
    """Return whether a step (1, 2, …) is one of 2, 4, 8 … 1,024 or a multiple of 1,024."""
    return step % VERIFY_EVERY == 0 or (step < VERIFY_EVERY and step & (step - 1) == 0)


def _owners_of(trace: Trace) -> list[tuple[dict[str, Any], str]]:
    """Return the dict and the name of each attribute of a layer that draws change."""
    return [(held, key) for held, key in trace.counted if isinstance(held[key], int)]
