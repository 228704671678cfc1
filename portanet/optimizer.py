"""What an optimizer is: the walk over a model's parameters, which moves each by its rule."""

from collections.abc import Sequence
from typing import Any

from portanet.commit import update_together
from portanet.elsewhere import OfOptimizers
from portanet.errors import OrderError
from portanet.groups import Group, GroupRules
from portanet.joined import joined_sums
from portanet.layer import Parameter, Part
from portanet.moves import Moves
from portanet.optimizer_memory import OptimizerMemory
from portanet.optimizer_options import (
    OF_THE_WALK,
    check_common,
    check_groups,
    check_model,
    option_names,
)
from portanet.optimizer_state import load_state_of, state_of
from portanet.reprs import call_of
from portanet.rule import Rule, Schedule
from portanet.state import State, is_stateful
from portanet.typing import Array
from portanet.versioned import advance_version


class Optimizer(OfOptimizers, Moves):
    """Walks over a model's parameters and moves each by a rule: its own, or that of a group.

    `lr` is the learning rate: a number > 0, or a schedule (portanet.schedules), which is a function
    of the number of steps taken before. Every optimizer has these keywords, too:

    groups        [Group(is_vector, weight_decay=0.0)]: other options for some parameters
    clip_value    limits every element of the gradients to [-clip_value, clip_value]
    clip_norm     then scales all gradients together down to this norm (PyTorch's clip_grad_norm_)
    accumulate    every accumulate-th step() moves, by the mean of the gradients since the last (as
                  with one batch of all their samples); what an epoch leaves over waits for the next

    Options may be assigned between steps (those that decide which slots there are, before the
    first), and are checked there. A group has the optimizer's options but for those that it sets.
    Parameters with `trainable = False` (layer.freeze()) are left alone. A Parameter that replaces
    another in the model starts with slots of its own.

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
        names = option_names(self)
        check_model(type(self).__name__, model)
        check_groups(type(self).__name__, groups)
        self.model, self.lr = model, lr
        self.clip_norm, self.clip_value, self.accumulate = clip_norm, clip_value, accumulate
        self.memory = OptimizerMemory()
        self.check()
        self._groups = GroupRules(self, (), names)
        self._options = names | OF_THE_WALK
        self._groups = GroupRules(self, groups, names)

    def followers(self, name: str) -> Sequence[Rule]:
        """Return the groups' rules that take an option over when it is assigned here."""
        return self._groups.without(name)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_common(type(self).__name__, self.clip_norm, self.clip_value, self.accumulate)

    @property
    def n_accumulated(self) -> int:
        """How many gradients wait for the next move."""
        return self.memory.n_accumulated

    _ages = property(lambda self: self.memory.ages)

    def step(self) -> None:
        """Move every parameter once. Raises OrderError unless backward has set new gradients.

        Everything is computed first and then stored at once: an interrupt comes before or after.
        """
        parameters = self._trainable(self.follow())
        grads = self.memory.new_gradients(f"{type(self).__name__}.step()", parameters)
        mean, remembered = self.memory.accumulated(grads, self.accumulate)
        changes = [(vars(self.memory), remembered)]
        if mean is not None:
            changes += self._next_changes(parameters, joined_sums(mean))
        advance_version()
        update_together(*zip(*changes, strict=True))

    def check_gradients(self) -> None:
        """Raise what step() would raise of the gradients that there are."""
        self.memory.new_gradients(f"{type(self).__name__}.step()", self.trainable())

    def trainable(self) -> dict[str, Parameter]:
        """Return the parameters that are not frozen, by name. Raises OrderError if all are."""
        return self._trainable(self.model.named_parameters())

    def _trainable(self, named: dict[str, Parameter]) -> dict[str, Parameter]:
        parameters = {name: p for name, p in named.items() if p.trainable}
        if not parameters:
            raise OrderError(
                f"{type(self).__name__}.step(): every parameter is frozen, so nothing would move; "
                "unfreeze() a layer first"
            )
        return parameters

    def follow(self) -> dict[str, Parameter]:
        """Bring the memory to the model's parameters: names, backend, dtype. Return them."""
        named = self.model.named_parameters()
        self.memory.match(named)
        if named:
            self.memory.follow(next(iter(named.values())).value)
        return named

    def _next_changes(
        self, parameters: dict[str, Parameter], grads: dict[str, Array]
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the dictionaries that a move updates, each with what is new in it."""
        memory, numbers = self.memory, self.numbers(parameters)
        values = {name: parameter.value for name, parameter in parameters.items()}
        values, slots = self._next_values(numbers, values, grads, memory.slots)
        ages = {name: age for name, (_, age, _) in numbers.items()}
        changes = [(memory.slots, slots), (memory.ages, ages)]
        changes += [(vars(memory), {"n_steps": self.n_steps + 1})]
        return changes + [parameters[name].cell(value) for name, value in values.items()]

    def state(self) -> State:
        """Return what a checkpoint saves: all arrays by name, and the numbers."""
        return state_of(self)

    def load_state(self, state: State) -> None:
        """Go on from a state, with arrays of any backend, such as the host's.

        Raises ArgumentError, CheckpointError, ShapeError or DtypeError, and has changed nothing
        then, unless it is the state of such a rule for such a model.
        """
        load_state_of(self, state)

    def stateful_schedules(self) -> list[Any]:
        """Return the learning rates that remember something, its own and its groups'."""
        rates = [self.lr, *self._groups.learning_rates()]
        return [rate for rate in rates if is_stateful(rate)]

    def __repr__(self) -> str:
        values = {name: value for name, value in vars(self).items() if name in self._options}
        shown = {"lr": values.pop("lr"), **values, "groups": [g for g, _ in self._groups.pairs]}
        usual = {"groups": [], "clip_norm": None, "clip_value": None, "accumulate": 1}
        return call_of(self, ..., **{n: v for n, v in shown.items() if (n, v) not in usual.items()})
