"""State: what a checkpoint saves of an object, so that another one can continue from it."""

from collections.abc import Callable, Mapping, Sequence
from sys import float_info
from typing import Any, NamedTuple, Protocol, TypeGuard

from portanet.checks import dtype_name, short
from portanet.errors import ArgumentError, CheckpointError, DtypeError, ShapeError
from portanet.layer import Parameter
from portanet.typing import Array


class State(NamedTuple):
    """`arrays` by name, on any backend, and `numbers`: anything that JSON can hold."""

    arrays: dict[str, Array]
    numbers: dict[str, Any]

    def __repr__(self) -> str:
        return f"State({len(self.arrays)} arrays, {short(self.numbers)})"


class Stateful(Protocol):
    """An object with a state to save: an optimizer, a Plateau schedule, a Normalizer …"""

    def state(self) -> State:
        """Return the state to save."""
        ...

    def load_state(self, state: State) -> None:
        """Continue from a saved state. Changes nothing if the state does not fit this object."""
        ...


def is_stateful(part: Any) -> TypeGuard[Stateful]:
    """Return whether an object has a state to save.

    Of a runtime_checkable Protocol isinstance asks the same, in ten times the time.
    """
    return callable(getattr(part, "state", None)) and callable(getattr(part, "load_state", None))


def is_count(value: Any) -> bool:
    """Return whether a value from a file is an integer in [0, 2**63)."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def is_number(value: Any) -> bool:
    """Return whether a value from a file is a number that a float can be, also inf and NaN."""
    if isinstance(value, float):
        return True
    is_int = isinstance(value, int) and not isinstance(value, bool)
    return is_int and abs(value) <= float_info.max


_IS: dict[str, Callable[[Any], bool]] = {
    "an integer >= 0": is_count,
    "a finite number": lambda value: is_number(value) and abs(value) <= float_info.max,
    # a best value may be infinite, but NaN is never the best
    "a number or None": lambda value: value is None or (is_number(value) and value == value),
    "a list": lambda value: isinstance(value, list),
    "a list of dicts": lambda value: (
        isinstance(value, list) and all(isinstance(item, dict) for item in value)
    ),
    "a dict of integers >= 0": lambda value: (
        isinstance(value, dict) and all(map(is_count, value.values()))
    ),
}


def entry(who: str, state: State, name: str, wanted: str) -> Any:
    """Return a number of a state. Raises CheckpointError unless it is there and is what is wanted.

    `wanted` is "an integer >= 0", "a finite number", "a number or None", "a list",
    "a list of dicts" or "a dict of integers >= 0".

    >>> entry("Plateau", State({}, {"n_bad": 2}), "n_bad", "an integer >= 0")
    2
    """
    if name not in state.numbers:
        raise CheckpointError(f"{who}: the state must have {name}, {wanted}; it has none")
    value = state.numbers[name]
    if not _IS[wanted](value):
        raise CheckpointError(f"{who}: {name} of the state must be {wanted}, is {short(value)}")
    return value


def load_together(parts: Sequence[Stateful], states: Sequence[State]) -> None:
    """Load the states of several parts, or of none: if one does not fit, all are as before."""
    before = [part.state() for part in parts]
    try:
        for part, state in zip(parts, states, strict=True):
            part.load_state(state)
    except BaseException:
        for part, state in zip(parts, before, strict=True):
            part.load_state(state)
        raise


def check_like(who: str, name: str, array: Array, value: Array) -> None:
    """Raise ShapeError or DtypeError unless an array has a parameter's shape and dtype."""
    if tuple(array.shape) != tuple(value.shape):
        raise ShapeError(
            f"{who}: {name} must be {tuple(value.shape)}, as the model's value, is "
            f"{tuple(array.shape)}"
        )
    wanted, came = dtype_name(value.dtype), dtype_name(array.dtype)
    if came != wanted:
        raise DtypeError(
            f"{who}: {name} must be {wanted}, as the model's value, is {came}; convert the model "
            f"with .to(dtype={came!r}) first"
        )


def sorted_slots(
    who: str, state: State, parameters: Mapping[str, Parameter], wanted: Mapping[str, set[str]]
) -> tuple[dict[str, dict[str, Array]], dict[str, Array]]:
    """Return an optimizer's slots and sums of gradients, after checking the whole state.

    A path is "name of the parameter/name of the slot"; the slot "+" is the sum of gradients.
    """
    for name in ("n_steps", "n_accumulated"):
        entry(who, state, name, "an integer >= 0")
    ages = entry(who, state, "ages", "a dict of integers >= 0")
    slots: dict[str, dict[str, Array]] = {name: {} for name in ages}
    sums: dict[str, Array] = {}
    for path, array in state.arrays.items():
        name, _, key = path.rpartition("/")
        if name in parameters:
            check_like(who, f"the state's {path}", array, parameters[name].value)
        into, key = (sums, name) if key == "+" else (slots.setdefault(name, {}), key)
        into[key] = array
    for name in sorted({*slots, *sums} - set(parameters)):
        raise ArgumentError(f"{who}: the checkpoint contains {name}, which the model lacks")
    if ageless := sorted(set(slots) - set(ages)):
        raise CheckpointError(f"{who}: ages of the state must have {', '.join(ageless)}, lacks it")
    for name, of_name in slots.items():
        if set(of_name) != wanted[name]:
            needs, has = (", ".join(sorted(names)) for names in (wanted[name], of_name))
            raise ArgumentError(
                f"{who}: {name} needs {needs or 'no arrays'}, the checkpoint has {has or 'none'}; "
                "make the optimizer with the options of the saved one"
            )
    return slots, sums
