"""Side inputs: arrays that a layer's forward takes by keyword beside x, such as lengths."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from inspect import Parameter as Argument
from inspect import signature
from typing import Any

from portanet.errors import ArgumentError, ShapeError, short
from portanet.typing import Array

NO_SIDES: dict[str, Any] = {}


@cache
def names_of(forward: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the arrays that a forward takes beside x.

    >>> def forward(self, x, *, lengths=None, training=False): ...
    >>> names_of(forward)
    ('lengths',)
    """
    _, *others = signature(forward).parameters.values()
    named = [
        p.name for p in others if p.kind not in (Argument.VAR_KEYWORD, Argument.VAR_POSITIONAL)
    ]
    return tuple(name for name in named[1:] if name != "training")


def given_to(layer: Any, sides: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return those of some side inputs that a layer takes."""
    if not sides:
        return NO_SIDES
    return {name: sides[name] for name in layer.side_inputs() if name in sides}


def check_sides(who: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ArgumentError if a side input is given that no layer takes."""
    known = sorted(known)
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            takes = f"the side inputs {known}" if known else "none"
            raise ArgumentError(
                f"{who}: side inputs must be arrays that its forward takes beside x, {takes}; got "
                f"{name!r}" + (f", did you mean {near[0]!r}?" if near else "")
            )


def split(network: Any, x: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return x for the first layer of a network, and the side inputs, of arrays by name.

    What the network's layers take as side inputs is theirs; what is left, under any name, is x. A
    first layer that has inputs of its own by name (a Graph) gets a dict of those.

    Raises ArgumentError or ShapeError for a dict that leaves none or several.
    """
    if not isinstance(x, dict):
        return x, NO_SIDES
    own, known = network.layers[0].input_names, network.side_inputs()
    if own:
        missing = [name for name in own if name not in x]
        if missing:
            raise ShapeError(
                f"{type(network).__name__}: x must have an array for each of the inputs "
                f"{list(own)}, has {sorted(map(str, x))}"
            )
        sides = {name: array for name, array in x.items() if name not in own}
        check_sides(type(network).__name__, sides, known)
        return {name: x[name] for name in own}, sides
    rest = [name for name in x if name not in known]
    if len(rest) != 1:
        near = [match for name in rest for match in get_close_matches(name, known, 1)]
        raise ArgumentError(
            f"{type(network).__name__}: x must be one array beside the side inputs of its layers, "
            f"{sorted(known)}; of {sorted(map(str, x))}, {short(rest)} are left. "
            + (f"Did you mean {near[0]!r}? " if near else "")
            + "For a network of several inputs begin with a Graph"
        )
    return x[rest[0]], {name: array for name, array in x.items() if name in known}


def taken_grads(layers: Iterable[Any]) -> dict[str, Array]:
    """Return the sums of what some layers' backward passes have left for side inputs."""
    total: dict[str, Array] = {}
    for layer in layers:
        for name, grad in layer.take_side_grads().items():
            total[name] = total[name] + grad if name in total else grad
    return total
