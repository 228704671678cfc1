"""What a checkpoint saves of an optimizer: its slots, its numbers, its schedules and loss scale."""

from typing import Any

from portanet.errors import ArgumentError
from portanet.state import State, entry, load_together, sorted_slots


def state_of(optimizer: Any) -> State:
    """Return an optimizer's state. See Optimizer.state."""
    optimizer.follow()
    arrays, numbers = optimizer.memory.state()
    schedules = [schedule.state().numbers for schedule in optimizer.stateful_schedules()]
    if (scale := optimizer.loss_scale) is not None:
        numbers["loss_scale"] = scale.numbers()
    return State(arrays, {"rule": type(optimizer).__name__, **numbers, "schedules": schedules})


def load_state_of(optimizer: Any, state: State) -> None:
    """Let an optimizer go on from a state. See Optimizer.load_state."""
    who, numbers = type(optimizer).__name__, state.numbers
    if numbers.get("rule") != who:
        raise ArgumentError(f"{who}: wanted the state of {who}, is of {numbers.get('rule')}")
    schedules = optimizer.stateful_schedules()
    states = entry(who, state, "schedules", "a list of dicts")
    if len(states) != len(schedules):
        raise ArgumentError(f"{who}: the state is of an optimizer with other schedules")
    parameters = optimizer.model.named_parameters()
    wanted = {n: set(optimizer.rule_of(n, p).init(p.value)) for n, p in parameters.items()}
    sorted_slots(who, state, parameters, wanted)  # raises before a schedule has changed
    scale, saved = optimizer.loss_scale, numbers.get("loss_scale")
    if scale is not None and saved is not None:  # without one in the state it starts anew
        scale.set_numbers(saved)
    load_together(schedules, [State({}, of_schedule) for of_schedule in states])
    optimizer.memory.load(who, state, parameters, wanted)
