"""What an optimizer is: the walk over a model's parameters, which moves each by its rule."""

from collections.abc import Mapping, Sequence
from typing import Any

from portanet.commit import update_together
from portanet.errors import ArgumentError, OrderError
from portanet.gradients import clipped
from portanet.groups import Group, GroupRules, Numbers
from portanet.layer import Parameter, Part
from portanet.optimizer_memory import OptimizerMemory
from portanet.optimizer_options import OF_THE_WALK, check_common, check_model
from portanet.rule import Rule, Schedule, Slots
from portanet.state import State, Stateful
from portanet.typing import Array
from portanet.versioned import advance_version


class Optimizer(Rule):
    """Walks over a model's parameters and moves each by a rule: its own, or that of a group.

    `lr` is the learning rate: a number > 0, or a schedule (portanet.schedules), which is a function
    of the number of steps taken before. Every optimizer has these keywords, too:

    groups        [Group(is_vector, weight_decay=0.0)]: other options for some parameters
    clip_value    limits every number of the gradients to [-clip_value, clip_value]
    clip_norm     then scales all gradients together down to this norm (PyTorch's clip_grad_norm_)
    accumulate    every accumulate-th step() moves, by the mean of the gradients since the last;
                  for batches of one size this is what one batch of all of them does. What an epoch
                  leaves over waits for the next epoch's batches

    Options may be assigned between steps, and are checked there; a group has the optimizer's
    options except for those that it sets itself. Parameters with `trainable = False`
    (layer.freeze()) are left alone. A Parameter that replaces another in the model starts with
    slots of its own.

    A rule of your own derives from Optimizer. It sets its options as attributes and then calls
    super().__init__; it defines init, scalars and update, and check if options have ranges. These
    are pure: while update runs, n_steps is the number of steps taken before.

    Raises ArgumentError if the model has no parameters or an option is out of its range.
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule,
        *,
        groups: Sequence[Group] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int = 1,
    ) -> None:
        of_groups = frozenset({*vars(self), "lr", "lr_factor"})
        check_model(type(self).__name__, model)
        self.model, self.lr = model, lr
        self.clip_norm, self.clip_value, self.accumulate = clip_norm, clip_value, accumulate
        self.memory = OptimizerMemory()
        self.check()
        self._groups = GroupRules(self, (), of_groups)
        self._options = of_groups | OF_THE_WALK
        self._groups = GroupRules(self, groups, of_groups)

    def followers(self, name: str) -> Sequence[Rule]:
        """Return the groups' rules that take an option over when it is assigned here."""
        return self._groups.without(name)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_common(type(self).__name__, self.clip_norm, self.clip_value, self.accumulate)

    @property
    def rules(self) -> list[Rule]:
        """The rules by which parameters move: the optimizer itself, then those of its groups."""
        return [self, *(rule for _, rule in self._groups.pairs)]

    @property
    def n_steps(self) -> int:
        """How often the parameters have moved."""
        return self.memory.n_steps

    @property
    def n_accumulated(self) -> int:
        """How many gradients wait for the next move."""
        return self.memory.n_accumulated

    @property
    def _ages(self) -> dict[str, int]:
        return self.memory.ages

    def step(self) -> None:
        """Move every parameter once. Raises OrderError unless backward has set new gradients.

        All is computed first. Then all of it is stored at once, so that an interrupt comes before
        a step or after it.
        """
        parameters = self.trainable()
        self.follow()
        grads = self.memory.new_gradients(f"{type(self).__name__}.step()", parameters)
        mean, remembered = self.memory.accumulated(grads, self.accumulate)
        targets, news = [vars(self.memory)], [remembered]
        if mean is not None:
            for target, new in self._next_changes(parameters, mean):
                targets.append(target)
                news.append(new)
        advance_version()
        update_together(targets, news)

    def trainable(self) -> dict[str, Parameter]:
        """Return the parameters that are not frozen, by name. Raises OrderError if all are."""
        named = self.model.named_parameters()
        parameters = {name: p for name, p in named.items() if p.trainable}
        if not parameters:
            raise OrderError(
                f"{type(self).__name__}.step(): every parameter is frozen, so nothing would move; "
                "unfreeze() a layer first"
            )
        return parameters

    def follow(self) -> None:
        """Bring the memory to where the model's parameters are now: names, backend and dtype."""
        named = self.model.named_parameters()
        self.memory.match(named)
        if named:
            self.memory.follow(next(iter(named.values())).value)

    def _next_changes(
        self, parameters: dict[str, Parameter], grads: dict[str, Array]
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the dictionaries that a move updates, each with what is new in it."""
        memory, numbers = self.memory, self.numbers(parameters)
        values = {name: parameter.value for name, parameter in parameters.items()}
        values, slots = self._next_values(numbers, values, grads)
        ages = {name: age for name, (_, age, _) in numbers.items()}
        return [
            *(parameters[name].cell(value) for name, value in values.items()),
            (memory.slots, slots),
            (memory.ages, ages),
            (vars(memory), {"n_steps": self.n_steps + 1}),
        ]

    def moved(
        self, values: dict[str, Array], grads: dict[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Slots]]:
        """Return the values and slots of the next move from given values and (mean) gradients.

        Slots and numbers are the present ones. Nothing is changed.
        """
        parameters = self.trainable()
        return self._next_values(self.numbers({n: parameters[n] for n in values}), values, grads)

    def _next_values(
        self, numbers: Numbers, values: dict[str, Array], grads: dict[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Slots]]:
        grads, moved, slots = self.clipped(grads), {}, {}
        for name, value in values.items():
            rule, _, scalars = numbers[name]
            own = self.memory.slots.get(name) or rule.init(value)
            moved[name], slots[name] = rule.update(value, grads[name], own, scalars)
        return moved, slots

    def clipped(self, grads: dict[str, Array]) -> dict[str, Array]:
        """Return gradients after clip_value and clip_norm."""
        if self.clip_value is None and self.clip_norm is None:
            return grads
        return clipped(grads, self.clip_value, self.clip_norm)

    def numbers(self, parameters: Mapping[str, Parameter]) -> Numbers:
        """Return each parameter's rule, age and scalars for the next move.

        A parameter that was frozen at first begins at age 1 when it is set free (bias corrections
        count from there), while schedules go on with the steps of all.
        """
        return self._groups.numbers(parameters, self.memory.ages, self.n_steps)

    def rule_of(self, name: str, parameter: Parameter) -> Rule:
        """Return the rule of the first group that a parameter belongs to, or the optimizer."""
        return self._groups.of(name, parameter)

    def state(self) -> State:
        """Return what a checkpoint saves: all arrays by name, and the numbers."""
        self.follow()
        arrays, numbers = self.memory.state()
        schedules = [schedule.state().numbers for schedule in self._stateful_schedules()]
        return State(arrays, {"rule": type(self).__name__, **numbers, "schedules": schedules})

    def load_state(self, state: State) -> None:
        """Go on from a state, with arrays of any backend, such as the host's.

        Raises ArgumentError, ShapeError or DtypeError, before anything has changed, unless it is
        the state of such a rule for such a model.
        """
        who, numbers, schedules = type(self).__name__, state.numbers, self._stateful_schedules()
        if numbers.get("rule") != who:
            raise ArgumentError(f"{who}: wanted the state of {who}, is of {numbers.get('rule')}")
        if len(numbers["schedules"]) != len(schedules):
            raise ArgumentError(f"{who}: the state is of an optimizer with other schedules")
        parameters = self.model.named_parameters()
        rules = {name: self.rule_of(name, p) for name, p in parameters.items()}
        wanted = {name: set(rules[name].init(p.value)) for name, p in parameters.items()}
        self.memory.load(who, state, parameters, wanted)
        for schedule, of_schedule in zip(schedules, numbers["schedules"], strict=True):
            schedule.load_state(State({}, of_schedule))

    def _stateful_schedules(self) -> list[Any]:
        rates = [self.lr, *self._groups.learning_rates()]
        return [rate for rate in rates if isinstance(rate, Stateful)]
