"""State: what must be remembered of an object so that another can go on from there."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from portanet.checks import dtype_name
from portanet.errors import ArgumentError, DtypeError, ShapeError
from portanet.layer import Parameter
from portanet.typing import Array


class State(NamedTuple):
    """`arrays` by name, on any backend, and `numbers`: anything that JSON can hold."""

    arrays: dict[str, Array]
    numbers: dict[str, Any]


@runtime_checkable
class Stateful(Protocol):
    """An object with something to remember: an optimizer, a schedule that is told the metric …"""

    def state(self) -> State:
        """Return what must be saved."""
        ...

    def load_state(self, state: State) -> None:
        """Go on from there. Changes nothing if the state is not one for this object."""
        ...


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
    """Return an optimizer's slots and sums of gradients, once all have been found to fit.

    A path is "name of the parameter/name of the slot"; the slot "+" is the sum of gradients.
    """
    ages = state.numbers["ages"]
    slots: dict[str, dict[str, Array]] = {name: {} for name in ages}
    sums: dict[str, Array] = {}
    for path, array in state.arrays.items():
        name, _, key = path.rpartition("/")
        if name in parameters:
            check_like(who, f"the state's {path}", array, parameters[name].value)
        into, key = (sums, name) if key == "+" else (slots.setdefault(name, {}), key)
        into[key] = array
    for name in sorted({*slots, *sums} - set(parameters)):
        raise ArgumentError(f"{who}: the state has {name}, which the model has not")
    for name, of_name in slots.items():
        if set(of_name) != wanted[name]:
            raise ArgumentError(
                f"{who}: {name} needs {', '.join(sorted(wanted[name])) or 'no arrays'}, the state "
                f"has {', '.join(sorted(of_name)) or 'none'}; make the optimizer with the options "
                "that the saved one had"
            )
    return slots, sums
