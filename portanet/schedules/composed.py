"""Schedules composed of schedules."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from portanet.checks import check_count
from portanet.errors import ArgumentError, CheckpointError, short
from portanet.schedules._checks import (
    Checked,
    Schedule,
    check_options,
    check_rising,
    check_schedules,
)
from portanet.state import State, entry, is_stateful, load_together


class Composed(Checked):
    """A schedule composed of others: its state is that of its parts."""

    def parts(self) -> Sequence[Schedule]:
        """Return the schedules that this one is composed of."""
        raise NotImplementedError(f"{type(self).__name__} must define parts(): its schedules")

    def state(self) -> State:
        """Return the states of the parts; None for parts without a state."""
        states = [p.state().numbers if is_stateful(p) else None for p in self.parts()]
        return State({}, {"parts": states})

    def load_state(self, state: State) -> None:
        """Continue from a saved state. Raises CheckpointError unless it has the same parts."""
        who, states = type(self).__name__, entry(type(self).__name__, state, "parts", "a list")
        parts = self.parts()
        wanted = [is_stateful(part) for part in parts]
        if wanted != [isinstance(numbers, dict) for numbers in states]:
            raise CheckpointError(f"{who}: the state must be of {parts}, is {short(states)}")
        load_together(
            [part for part in parts if is_stateful(part)],
            [State({}, numbers) for numbers in states if isinstance(numbers, dict)],
        )


@dataclass(repr=False, unsafe_hash=True)
class WarmUp(Composed):
    """A linear increase to the schedule's first rate in n_steps, then the schedule from its step 0.

    PyTorch's LinearLR followed by another schedule, in SequentialLR. By default the first of
    n_steps has 1 / n_steps of the rate; `start` is the share at step 0, which is 1 at step n_steps.

    >>> from portanet.schedules import StepDecay
    >>> schedule = WarmUp(StepDecay(0.8, every=2, gamma=0.5), 4)
    >>> [round(schedule(step), 3) for step in range(8)]
    [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.4, 0.4]
    """

    after: Schedule
    n_steps: int
    start: float | None = None

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        check_count("WarmUp", "n_steps", self.n_steps)
        check_schedules("WarmUp", [self.after])
        if self.start is not None:
            check_options(self, start=(self.start, 0, 1))

    def parts(self) -> Sequence[Schedule]:
        """Return the schedules that this one is composed of."""
        return [self.after]

    def __call__(self, step: int) -> float:
        """Return the rate of a step (0, 1, …)."""
        if step >= self.n_steps:
            return self.after(step - self.n_steps)
        if self.start is None:
            share = (step + 1) / self.n_steps
        else:
            share = self.start + (1 - self.start) * step / self.n_steps
        return share * self.after(0)


@dataclass(repr=False, unsafe_hash=True)
class Chain(Composed):
    """One schedule after the other: schedules[i] from step milestones[i - 1], counted from there.

    SequentialLR of PyTorch.

    >>> from portanet.schedules import Constant, Cosine
    >>> schedule = Chain([Constant(0.1), Cosine(0.1, 10)], [100])
    >>> schedule(99), schedule(100), schedule(105)
    (0.1, 0.1, 0.05)
    """

    schedules: Sequence[Schedule]
    milestones: Sequence[int]

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        check_schedules("Chain", self.schedules)
        check_rising("Chain", "milestones", self.milestones)
        if len(self.schedules) != len(self.milestones) + 1:
            raise ArgumentError(
                f"Chain: {len(self.schedules)} schedules need {len(self.schedules) - 1} milestones "
                f"between them, there are {len(self.milestones)}"
            )

    def parts(self) -> Sequence[Schedule]:
        """Return the schedules that this one is composed of."""
        return self.schedules

    def __call__(self, step: int) -> float:
        """Return the rate of a step (0, 1, …)."""
        i = bisect_right(self.milestones, step)
        return self.schedules[i](step - self.milestones[i - 1] if i else step)


@dataclass(repr=False, unsafe_hash=True)
class PerEpoch(Composed):
    """A schedule of epochs: schedule(step // steps_per_epoch).

    >>> from portanet.schedules import Exponential
    >>> PerEpoch(Exponential(0.8, 0.5), steps_per_epoch=100)(199)
    0.4
    """

    schedule: Schedule
    steps_per_epoch: int

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        check_schedules("PerEpoch", [self.schedule])
        check_count("PerEpoch", "steps_per_epoch", self.steps_per_epoch)

    def parts(self) -> Sequence[Schedule]:
        """Return the schedules that this one is composed of."""
        return [self.schedule]

    def __call__(self, step: int) -> float:
        """Return the rate of a step (0, 1, …)."""
        return self.schedule(step // self.steps_per_epoch)
