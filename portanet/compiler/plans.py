"""Plans: the plans of a model's step, the memory that they share, and the guards that they need."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from portanet.compiler.engines.base import Engine
from portanet.compiler.graph.collector import without_collector
from portanet.compiler.guards.guards import Guards
from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.runtime.epoch_loss import EpochLoss
from portanet.compiler.runtime.overrides import overridden
from portanet.compiler.runtime.parameter_memory import ParameterMemory
from portanet.compiler.runtime.together import same_on_all_ranks
from portanet.compiler.runtime.value_checks import ValueChecks
from portanet.compiler.tracing.trace import Trace
from portanet.data.lazy_batch import Kind
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential
from portanet.versioned import LATEST

MAX_PLANS = 8  # shapes of batches; the one that was not used for the longest time makes place
MAX_VAIN = 8  # plans that were dropped before they had paid: then something changes all the time
_PAYS = 16  # replays

Key = tuple[Kind, int]  # shapes and dtypes of a batch, and the phase of the step


class Plans:
    """Plans by the key of their batches.

    memory     where the model lies while there are plans, else None
    retraced   which guard was broken when plans were last dropped, with its old and new value
    n_replays  how many steps these plans have taken
    n_vain     how many times in a row plans were dropped before they had paid
    """

    def __init__(self, model: Sequential, optimizer: Optimizer, epoch_loss: EpochLoss) -> None:
        self.model, self.optimizer, self._epoch_loss = model, optimizer, epoch_loss
        self.n_vain, self.retraced = 0, ""
        self.memory: ParameterMemory | None = None
        self._clear()

    def __len__(self) -> int:
        return len(self._plans)

    def values(self) -> Iterator[CheckedPlan]:
        """Return the plans, the last used last."""
        return iter(self._plans.values())

    def find(self, key: Key) -> CheckedPlan | None:
        """Return the plan for a kind of batch, if there is one and all guards hold."""
        guards, memory = self._guards, self.memory
        if guards is None or memory is None:
            return None
        # what hold() asks first, without a call
        if (memory.touched or not guards.unchanged()) and not self.hold():
            return None
        planned = self._plans.get(key)
        if planned is not self._latest and planned is not None:
            self._plans.move_to_end(key)
            self._latest = planned
            planned.look_ahead()  # the others have taken steps, too
        return planned

    def hold(self) -> bool:
        """Return whether there are plans and they are right; take over what was assigned."""
        memory, guards = self.memory, self._guards
        if memory is None or guards is None:
            return False
        if not guards.unchanged():
            broken = guards.broken()
            if broken is not None:
                self.drop(broken)
                return False
        elif not memory.touched:
            return True
        self._adopt(memory, guards)
        return True

    def _adopt(self, memory: ParameterMemory, guards: Guards) -> None:
        self.optimizer.follow()
        memory.adopt()
        for planned in self._plans.values():
            planned.bind()
        guards.version = LATEST[0]

    def count(self, planned: CheckedPlan, version: int) -> None:
        """Count a step that a plan has taken since a version."""
        self.n_replays += 1
        self._epoch_loss.n += planned.plan.n_samples
        if planned.n_changes and self._guards and LATEST[0] - version == planned.n_changes:
            self._guards.version = LATEST[0]  # only draws have advanced it

    def pass_by(self) -> None:
        """Note that a step was taken by no plan: each is to look ahead anew."""
        self._latest = None

    def look_again(self) -> None:
        """Take in what a readable step has assigned beside a plan: its layers' own memories."""
        if self._guards is not None and not self._guards.unchanged():
            version = LATEST[0]
            if self._guards.broken() is None:
                self._guards.version = version

    def drop(self, why: str) -> None:
        """Drop all plans, and let the model have its arrays for its own."""
        self.retraced = why
        self._plans = OrderedDict()  # first: an interrupt must leave no plan that is out of date
        if self.memory is not None:
            self._epoch_loss.leave(self.memory)
            self.memory.give_back()
            self.n_vain = 0 if self.n_replays >= _PAYS else self.n_vain + 1
        self.memory = None
        self._clear()

    def _clear(self) -> None:
        self._guards: Guards | None = None
        self._plans: OrderedDict[Key, CheckedPlan] = OrderedDict()
        self._latest: CheckedPlan | None = None
        self.n_replays = 0

    def why_not(self) -> str | None:
        """Return in words why no more plans are to be made, None if there is no reason."""
        if self.n_vain >= MAX_VAIN:
            return f"something changes in every few steps: {self.retraced}"
        return overridden(self.optimizer)

    def rounds_otherwise(self, trace: Trace, engine: Engine) -> bool:
        """Return whether the plan of a trace will round otherwise than the step as it is written.

        Then it takes its first step, too: a run that is resumed goes on with the same bits.
        """
        step, first = self.optimizer.n_steps + 1, engine.faster_from(trace.tape.graph)
        is_first = step == 1 and not self.optimizer.n_accumulated
        return first is not None and first <= step and not is_first

    @without_collector()
    def add(self, key: Key, trace: Trace, engine: Any) -> str | None:
        """Make the plan of a traced step. Returns in words why there is none, None if there is."""
        memory = self.memory
        if memory is not None and memory.homes.keys() != trace.tape.graph.states.keys():
            self.drop("the optimizer's groups of parameters")
            memory = None
        why = guards = None
        try:
            if memory is None:
                memory = ParameterMemory(self.model, self.optimizer, trace, engine)
            memory.adopt()
            ignored = trace.ignored | (self._guards.ignored if self._guards is not None else set())
            guards = Guards({"": self.model, "optimizer": self.optimizer}, ignored)
            values = ValueChecks(self.model, trace.y_hat_shape)
            planned = CheckedPlan(engine, memory, self.optimizer, trace, values)
        except Exception as error:  # noqa: BLE001 - without a plan steps run as they are written
            planned, why = None, f"no plan can be made: {type(error).__name__}: {error}"
        planned, why = same_on_all_ranks(planned, why)
        if planned is None:
            return why
        self.memory, self._guards, self._plans[key] = memory, guards, planned
        self._epoch_loss.hand_over(memory)
        while len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return None
