"""Watch: which array is the first that is not finite, while a network computes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from portanet.backends import backend_of
from portanet.checks import is_float
from portanet.layer import Parameter, Part
from portanet.several import parts_of
from portanet.typing import Array

_METHODS = {"forward", "backward"}


@dataclass
class Found:
    """An array that is not finite.

    place   the part that it belongs to, such as "layers.2"; "" for the network itself
    what    "the output of layers.2 (Linear)", "the gradient of layers.2.weights"
    reach   the largest absolute value of what it was computed from, by name
    """

    place: str
    what: str
    reach: dict[str, float]


@contextmanager
def watching(model: Part) -> Iterator[list[Found]]:
    """Within this block the arrays that are not finite are found, in the order of computing.

    Each part's forward and backward are replaced on the object itself, and come back at the end.
    """
    found: list[Found] = []
    parts: dict[str, Any] = dict(model.named_parts())
    before = [(part, dict(vars(part))) for part in parts.values()]
    try:
        for name, part in parts.items():
            part.forward = _watched(part.forward, name, part, found, _look_at_output)
            part.backward = _watched(part.backward, name, part, found, _look_at_gradients)
        yield found
    finally:
        for part, attributes in before:
            for method in _METHODS & vars(part).keys():
                delattr(part, method)
            for method in _METHODS & attributes.keys():
                setattr(part, method, attributes[method])


def is_finite(array: Any) -> bool:
    """Return whether all numbers of an array are finite; what is no array of floats is."""
    if not hasattr(array, "dtype") or not is_float(array):
        return True
    backend = backend_of(array)
    return bool(backend.to_numpy(backend.xp.all(backend.xp.isfinite(array))))


def reach(array: Any) -> float:
    """Return the largest absolute value of an array, NaN if it holds one; 0 of an empty one."""
    if not hasattr(array, "dtype") or not is_float(array) or not array.size:
        return 0.0
    backend = backend_of(array)
    return float(backend.to_numpy(backend.xp.max(backend.xp.abs(array))))


def label(name: str, part: Any) -> str:
    """Return what a message calls a part: "layers.2 (Linear)"."""
    return f"{name} ({type(part).__name__})" if name else f"the network ({type(part).__name__})"


def own_parameters(part: Part) -> dict[str, Parameter]:
    """Return the parameters of a part itself, without those of the parts that it is made of."""
    return {name: p for name, p in vars(part).items() if isinstance(p, Parameter)}


def _watched(
    method: Callable[..., Any], name: str, part: Any, found: list[Found], look: Callable[..., Any]
) -> Callable[..., Any]:
    def watched(*given: Any, **options: Any) -> Any:
        result = method(*given, **options)
        if not found:
            found.extend(look(name, part, given, result))
        return result

    return watched


def _look_at_output(name: str, part: Any, given: Any, result: Any) -> Iterator[Found]:
    if not all(map(is_finite, parts_of(result))):
        what = "the array of losses of" if hasattr(part, "gradient") else "the output of"
        yield Found(name, f"{what} {label(name, part)}", _reaches("input", part, given))


def _look_at_gradients(name: str, part: Any, given: Any, result: Any) -> Iterator[Found]:
    reaches = _reaches("incoming gradient", part, given)
    for key, parameter in own_parameters(part).items():
        if parameter.grad is not None and not is_finite(parameter.grad):
            where = f"{name}.{key}".lstrip(".")
            yield Found(name, f"the gradient of {where}", reaches)
    if result is not None and not all(map(is_finite, parts_of(result))):
        yield Found(name, f"the gradient that {label(name, part)} passes back", reaches)


def _reaches(kind: str, part: Any, given: Any) -> dict[str, float]:
    """Return how large the numbers are that a part has computed with."""
    arrays: list[Array] = [array for one in given for array in parts_of(one)]
    found = {f"its {kind}": max(map(reach, arrays), default=0.0)}
    for key, parameter in own_parameters(part).items():
        found[f"its {key}"] = reach(parameter.value)
    return {name: value for name, value in found.items() if isfinite(value) or value == inf}
