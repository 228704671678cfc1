"""Moves: what a move of a model's parameters computes, each by the rule of its group."""

from collections.abc import Mapping

from portanet.clipping import clipped
from portanet.groups import GroupRules, Numbers
from portanet.layer import Parameter, Part
from portanet.loss_scale import LossScale, all_finite
from portanet.optimizer_memory import OptimizerMemory
from portanet.rule import Rule, Slots
from portanet.typing import Array


class Moves(Rule):
    """Computes new values and slots, and stores nothing.

    `memory` has the slots and ages that there are. An optimizer is one of its own rules.
    """

    model: Part
    memory: OptimizerMemory
    clip_norm: float | None
    clip_value: float | None
    _groups: GroupRules

    def trainable(self) -> dict[str, Parameter]:
        """Return the parameters that are not frozen, by name."""
        raise NotImplementedError

    @property
    def rules(self) -> list[Rule]:
        """The rules by which parameters move: the optimizer itself, then those of its groups."""
        return [self, *(rule for _, rule in self._groups.pairs)]

    @property
    def n_steps(self) -> int:
        """How often the parameters have moved."""
        return self.memory.n_steps

    def moved(
        self, values: dict[str, Array], grads: dict[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Slots]]:
        """Return the values and slots of the next move from given values and (mean) gradients.

        Slots (in the values' dtype) and numbers are the present ones. Nothing is changed.
        """
        parameters, held = self.trainable(), self.memory.slots_like(values)
        numbers = self.numbers({name: parameters[name] for name in values})
        return self._next_values(numbers, values, grads, held)

    def _next_values(
        self, numbers: Numbers, values: dict[str, Array], grads: dict[str, Array],
        held: dict[str, Slots],
    ) -> tuple[dict[str, Array], dict[str, Slots]]:  # fmt: skip
        ok, grads, moved, slots = self.may_move(grads), self.clipped(grads), {}, {}
        for name, value in values.items():
            rule, _, scalars = numbers[name]
            own = held.get(name) or rule.init(value)
            moved[name], slots[name] = rule.update_if(ok, value, grads[name], own, scalars)
        return moved, slots

    def may_move(self, grads: dict[str, Array]) -> Array | None:
        """Return whether all gradients are finite, where steps with others move nothing.

        That is where the model's gradients were scaled (see MixedPrecision); None elsewhere.
        """
        return None if self.loss_scale is None else all_finite(list(grads.values()))

    @property
    def loss_scale(self) -> LossScale | None:
        """The loss scale of the model's mixed precision, None without one."""
        precision = self.model.precision
        return None if precision is None else precision.loss_scale

    def clipped(self, grads: dict[str, Array]) -> dict[str, Array]:
        """Return gradients after clip_value and clip_norm."""
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
