"""What an optimizer is: a rule for one parameter, and the walk over all of them.

A rule is one pure array-API formula for one parameter and one host-side rule for the numbers that
change with the step, so that the same code runs eagerly, compiled and in JAX:

    init(value) -> slots            the arrays that a parameter drags along, by name
    scalars(step) -> numbers        everything that depends on the step, by name
    update(value, grad, slots, scalars) -> value, slots
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from math import isfinite
from typing import Any, Self, TypedDict

from portanet.backends import Backend, backend_of
from portanet.changes import Watched
from portanet.checks import check_count, check_number, dtype_name
from portanet.clipping import clip_by_norm, clip_by_value
from portanet.errors import ArgumentError, OrderError
from portanet.groups import Group
from portanet.layer import Parameter, Part, moved
from portanet.state import State, Stateful, check_like, sorted_slots
from portanet.typing import Array

Slots = dict[str, Array]
Scalars = Mapping[str, Any]
Schedule = Callable[[int], float]


class Common(TypedDict, total=False):
    """The keywords that every optimizer has."""

    groups: Sequence[Group]
    clip_norm: float | None
    clip_value: float | None
    accumulate: int


class Optimizer(Watched):
    """Walks over a model's parameters and applies a rule to each.

    `lr` is the learning rate, a number > 0 or a schedule, which is a function of the number of
    steps taken before (portanet.schedules); it may be changed between steps. Every optimizer has
    these keywords, too:

    groups        [Group(is_vector, weight_decay=0.0)]: other numbers for some parameters
    clip_value    limits every number of the gradients to [-clip_value, clip_value]
    clip_norm     then shortens all gradients together to this norm (as clip_grad_norm_ of PyTorch)
    accumulate    every accumulate-th step() moves, by the mean of the gradients since the last;
                  for batches of one size this is what one batch of all of them does. What an epoch
                  leaves over waits for the next epoch's batches

    Parameters with `trainable = False` (layer.freeze()) are left alone.

    A rule of your own sets its options as attributes and then calls super().__init__; groups may
    change those, lr, and lr_factor, which the common lr is multiplied by. It defines init, scalars
    and update, and check if options have ranges.

    Raises ArgumentError if the model has no parameters or a number is out of its range.
    """

    offset: int = 0  # how many steps had been taken before a parameter took its first
    lr_factor: float = 1.0

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
        who = type(self).__name__
        names = {*vars(self), "lr", "lr_factor"}
        _check_model(who, model)
        self.lr = lr
        self.check()
        self._rules = [(g.belongs, "lr" in g.options, self._changed(g, names)) for g in groups]
        for name, value in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if value is not None:
                check_number(who, name, value, 0, float("inf"), open_low=True)
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.accumulate = check_count(who, "accumulate", accumulate)
        self.model = model
        self.n_steps = 0  # how often the parameters have moved
        self.n_accumulated = 0  # how many gradients wait for the next move
        self._slots: dict[str, Slots] = {}
        self._ages: dict[str, int] = {}  # how often each parameter has moved
        self._sums: dict[str, Array] = {}
        self._used: dict[str, Array] = {}
        self._rule_of: dict[str, Self] = {}
        self._home: tuple[Backend, str] | None = None

    def init(self, value: Array) -> Slots:
        """Return the slots that a parameter starts with."""
        raise NotImplementedError

    def scalars(self, step: int) -> dict[str, float]:
        """Return the numbers that step (1, 2, …) needs."""
        raise NotImplementedError

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return the value and the slots after one step."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        who = type(self).__name__
        if not callable(self.lr):
            check_number(who, "lr", self.lr, 0, float("inf"), open_low=True)
        check_number(who, "lr_factor", self.lr_factor, 0, float("inf"))

    def rate(self, step: int) -> float:
        """Return the learning rate of a step (1, 2, …)."""
        return self.lr_factor * self.number_at("lr", self.lr, step)

    def number_at(self, name: str, number: float | Schedule, step: int) -> float:
        """Return a number that may be a schedule, at a step (1, 2, …)."""
        if not callable(number):
            return float(number)  # a NumPy float64 would make float32 weights float64
        value = number(step - 1 + self.offset)
        if not (isfinite(value) and value >= 0):
            raise ArgumentError(
                f"{type(self).__name__}: {name} must be a number in [0, inf), but the schedule "
                f"{number!r} gives {value} for step {step - 1 + self.offset}"
            )
        return float(value)

    def step(self) -> None:
        """Move every parameter once. Raises OrderError unless backward has set new gradients."""
        parameters = self._trainable()
        grads = self._take_gradients(parameters)
        self._follow(next(iter(parameters.values())).value)
        if self.accumulate > 1:
            grads = self._accumulated(grads)
            if grads is None:
                return
        grads = self._clipped(grads)
        numbers = self._numbers(parameters)
        self.n_steps += 1
        for name, parameter in parameters.items():
            rule, age, scalars = numbers[name]
            slots = self._slots.get(name) or rule.init(parameter.value)
            parameter.value, self._slots[name] = rule.update(
                parameter.value, grads[name], slots, scalars
            )
            self._ages[name] = age

    def _trainable(self) -> dict[str, Parameter]:
        named = self.model.named_parameters()
        parameters = {name: p for name, p in named.items() if p.trainable}
        if not parameters:
            raise OrderError(
                f"{type(self).__name__}.step(): every parameter is frozen, so nothing would move; "
                "unfreeze() a layer first"
            )
        return parameters

    def _take_gradients(self, parameters: dict[str, Parameter]) -> dict[str, Array]:
        """Return the gradients, each of which is taken once."""
        grads = {}
        for name, parameter in parameters.items():
            grad = parameter.grad
            if grad is None or grad is self._used.get(name):
                state = "no gradient" if grad is None else "a gradient that was used before"
                raise OrderError(
                    f"{type(self).__name__}.step(): {name} has {state}; run model.forward(x, "
                    "training=True), the criterion and model.backward() before each step()"
                )
            if grad.shape != parameter.value.shape or grad.dtype != parameter.value.dtype:
                who, what = f"{type(self).__name__}.step()", f"the gradient of {name}"
                check_like(who, what, grad, parameter.value)
            grads[name] = grad
        self._used = grads
        return grads

    def _accumulated(self, grads: dict[str, Array]) -> dict[str, Array] | None:
        """Add the gradients up; return their mean when there are enough of them."""
        sums = self._sums
        self._sums = {n: sums[n] + grad if n in sums else grad for n, grad in grads.items()}
        self.n_accumulated += 1
        if self.n_accumulated < self.accumulate:
            return None
        sums, self._sums, self.n_accumulated = self._sums, {}, 0
        return {name: total / self.accumulate for name, total in sums.items()}

    def _clipped(self, grads: dict[str, Array]) -> dict[str, Array]:
        if self.clip_value is None and self.clip_norm is None:
            return grads
        values = list(grads.values())
        if self.clip_value is not None:
            values = clip_by_value(values, self.clip_value)
        if self.clip_norm is not None:
            values = clip_by_norm(values, self.clip_norm)
        return dict(zip(grads, values, strict=True))

    def _numbers(
        self, parameters: dict[str, Parameter]
    ) -> dict[str, tuple[Self, int, dict[str, float]]]:
        """Return each parameter's rule, age and scalars, computed once for all who share them.

        A parameter that was frozen at first begins at step 1 when it is set free (bias corrections
        count from there), while the schedule goes on.
        """
        numbers, known = {}, {}
        for name, parameter in parameters.items():
            rule = self._rule_of.get(name) or self._find_rule(name, parameter)
            age = self._ages.get(name, 0) + 1
            if (rule, age) not in known:
                rule.offset = self.n_steps + 1 - age
                known[rule, age] = rule.scalars(age)
            numbers[name] = rule, age, known[rule, age]
        return numbers

    def _find_rule(self, name: str, parameter: Parameter) -> Self:
        rules = (rule for belongs, _, rule in self._rules if belongs(name, parameter))
        rule = self._rule_of[name] = next(rules, self)
        return rule

    def _changed(self, group: Group, names: set[str]) -> Self:
        """Return this rule with a group's options."""
        unknown = sorted(set(group.options) - names)
        if unknown:
            raise ArgumentError(
                f"{type(self).__name__}: a group can change {', '.join(sorted(names))}, "
                f"not {', '.join(unknown)}"
            )
        rule = copy(self)
        vars(rule).update(group.options)
        rule.check()
        return rule

    def _follow(self, value: Array) -> None:
        """Move the slots and sums to where the model has moved since."""
        home = backend_of(value), dtype_name(value.dtype)
        if home != self._home:
            for slots in (*self._slots.values(), self._sums):
                for key, slot in slots.items():
                    slots[key] = moved(slot, *home)
            self._home = home
        for _, own_rate, rule in self._rules:
            if not own_rate:
                rule.lr = self.lr

    def state(self) -> State:
        """Return what a checkpoint saves: all arrays by name, and the numbers."""
        self._follow(next(iter(self.model.named_parameters().values())).value)
        arrays = {f"{n}/{key}": a for n, slots in self._slots.items() for key, a in slots.items()}
        arrays |= {f"{name}/+": total for name, total in self._sums.items()}
        # copies, as compiled steps write them where they lie
        arrays = {n: backend_of(a).xp.asarray(a, copy=True) for n, a in arrays.items()}
        numbers = {
            "rule": type(self).__name__,
            "n_steps": self.n_steps,
            "n_accumulated": self.n_accumulated,
            "ages": dict(self._ages),
            "schedules": [schedule.state().numbers for schedule in self._stateful_schedules()],
        }
        return State(arrays, numbers)

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
        rules = {name: self._find_rule(name, p) for name, p in parameters.items()}
        wanted = {name: set(rules[name].init(p.value)) for name, p in parameters.items()}
        slots, sums = sorted_slots(who, state, parameters, wanted)
        self._slots, self._sums, self._used = slots, sums, {}
        self.n_steps, self.n_accumulated = numbers["n_steps"], numbers["n_accumulated"]
        self._ages = dict(numbers["ages"])
        self._home = None  # the arrays are moved at the next step
        for schedule, of_schedule in zip(schedules, numbers["schedules"], strict=True):
            schedule.load_state(State({}, of_schedule))

    def _stateful_schedules(self) -> list[Any]:
        rates = [self.lr, *(rule.lr for _, own_rate, rule in self._rules if own_rate)]
        return [rate for rate in rates if isinstance(rate, Stateful)]


def _check_model(who: str, model: Any) -> None:
    if not isinstance(model, Part):
        raise ArgumentError(
            f"{who}: model must be a network such as Sequential([...], loss), is {model!r}"
        )
    if not model.named_parameters():
        raise ArgumentError(f"{who}: the model has no parameters, so there is nothing to train")
