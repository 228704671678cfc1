"""The error for something that was given in place of an array."""

from typing import Any

from portanet.errors import DtypeError, short


def no_array(who: object, name: str, x: Any) -> DtypeError:
    """Return the error for something that is no array, with what makes one of it."""
    advice = f"make one with numpy.asarray({name}, 'float32')"
    if hasattr(x, "to_numpy"):
        advice = f"make one with {name}.to_numpy('float32')"
    elif x is None:
        advice = "a function without `return` gives None"
    elif hasattr(x, "X"):
        advice = "its inputs are dataset.X"
    elif hasattr(x, "value"):
        advice = f"its array is {name}.value"
    elif type(x).__name__ == "Wire":
        advice = "call the layer itself, layer(x), to wire a Graph"
    return DtypeError(f"{who}: {name} must be an array, is {short(x)}; {advice}")
