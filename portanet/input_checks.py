"""What a network takes: its input is looked at once, at the door."""

from typing import Any

from portanet.checks import check_alike, check_takes, dtype_name, is_float, is_integer
from portanet.errors import DtypeError
from portanet.no_array import no_array
from portanet.parameter import Parameter
from portanet.typing import Array


def check_input(
    who: str, name: str, x: Array, kind: str, layer: Any, first: Parameter | None
) -> None:
    """Raise DtypeError or PlacementError unless x is of the kind that a network's layer takes.

    `first` is one of the network's parameters, None if it has none.
    """
    if kind == "integers":
        try:
            integers = is_integer(x)
        except (AttributeError, DtypeError):
            raise no_array(who, name, x) from None
        if not integers:
            raise DtypeError(
                f"{who}: {name} must be integers, as {type(layer).__name__} wants, is "
                f"{dtype_name(x.dtype)}; cast it with astype('int64')"
            )
    elif kind == "floats":
        check_takes(who, x, layer)
        if first is not None:
            check_alike(who, name, x, "the network", first.peek())
        elif not is_float(x):
            raise DtypeError(f"{who}: {name} must be float32 or float64, is {dtype_name(x.dtype)}")
