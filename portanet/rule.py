"""What a rule is: the formula by which an optimizer moves one parameter.

A rule is one pure array-API formula for one parameter, and one function on the host for the numbers
that change with the step, so that the same code runs eagerly, compiled and in JAX:

    init(value) -> slots            the arrays that are kept for a parameter, by name
    scalars(step) -> numbers        everything that depends on the step, by name
    update(value, grad, slots, scalars) -> value, slots

Options are attributes. What training changes is no part of a rule: it is in OptimizerMemory.
"""
# ruff: noqa: ARG002 - the arguments of methods that a rule must define

from collections.abc import Callable, Mapping
from math import inf, isfinite, nan
from typing import Any, NoReturn, Self

from portanet.backends import array_namespace
from portanet.checks import check_number
from portanet.errors import ArgumentError, short
from portanet.layer import Part
from portanet.options import WithOptions
from portanet.typing import Array

Slots = dict[str, Array]
Scalars = Mapping[str, Any]
Schedule = Callable[[int], float]


class Rule(WithOptions):
    """How one parameter moves: options, init, scalars and update.

    lr         the learning rate: a number > 0, or a schedule (portanet.schedules)
    lr_factor  a number >= 0 that lr is multiplied by
    offset     how many steps had been taken before the parameter took its first; scalars(step)
               counts the parameter's own steps, while schedules are asked for steps + offset
    """

    lr: float | Schedule
    lr_factor: float = 1.0
    offset: int = 0

    def init(self, value: Array) -> Slots:
        """Return the slots that a parameter starts with."""
        self._lacks("init(value)", "the arrays to keep for a parameter, by name ({} for none)")

    def scalars(self, step: int) -> dict[str, float]:
        """Return the numbers that step (1, 2, …) needs."""
        self._lacks("scalars(step)", "the numbers of a step, such as {'lr': self.rate(step)}")

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return the value and the slots after one step."""
        self._lacks("update(value, grad, slots, scalars)", "the new value and the new slots")

    def update_if(
        self, ok: Array | None, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return what update() returns, but where ok is False value and slots as they are.

        ok is a boolean of shape () on the device, so that the host does not wait; None: update().
        """
        new, new_slots = self.update(value, grad, dict(slots), scalars)
        if ok is None:
            return new, new_slots
        xp = array_namespace(value)
        kept = {key: xp.where(ok, slot, slots[key]) for key, slot in new_slots.items()}
        return xp.where(ok, new, value), kept

    def _lacks(self, method: str, what: str) -> NoReturn:
        name = type(self).__name__
        raise NotImplementedError(f"{name} does not define {method}, which must return {what}")

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        check_rate(type(self).__name__, "lr", self.lr)
        check_number(type(self).__name__, "lr_factor", self.lr_factor, 0, float("inf"))

    def rate(self, step: int) -> float:
        """Return the learning rate of a step (1, 2, …)."""
        return self.lr_factor * self.number_at("lr", self.lr, step)

    def number_at(self, name: str, number: float | Schedule, step: int) -> float:
        """Return a number that may be a schedule, at a step (1, 2, …).

        Raises ArgumentError if a schedule does not give a number in [0, inf).
        """
        if not callable(number):
            return float(number)
        n_before = step - 1 + self.offset
        try:
            came = number(n_before)
        except OverflowError:  # of Python's powers, such as 1.01 ** step
            came = inf
        value = _as_float(came)
        if not (isfinite(value) and value >= 0):
            raise ArgumentError(
                f"{type(self).__name__}: {name} must be a number in [0, inf), but the schedule "
                f"{short(number)} gives {short(came)} for step {n_before}; it must return a number"
            )
        return value

    def starting_after(self, n_steps: int) -> Self:
        """Return this rule for a parameter whose first step comes after n_steps of the others."""
        return self if n_steps == self.offset else self.changed(offset=n_steps)


def check_rate(who: str, name: str, rate: Any) -> None:
    """Raise ArgumentError unless a learning rate is a number > 0 or may be a schedule."""
    if isinstance(rate, Part | type):
        kind = "" if isinstance(rate, type) else "the layer or loss "
        raise ArgumentError(
            f"{who}: {name} must be a number > 0 or a schedule such as "
            f"portanet.schedules.Cosine(1e-3, 100), is {kind}{short(rate)}"
        )
    if not callable(rate):
        check_number(who, name, rate, 0, float("inf"), open_low=True)


def _as_float(value: Any) -> float:
    """Return a schedule's number; NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return nan
