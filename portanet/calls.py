"""Calls: what a Graph does one after the other, and how gradients of its values are added up."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from portanet.errors import ShapeError, short
from portanet.several import keys_of, like, map_parts
from portanet.typing import Array
from portanet.wire import Wire


class Call(NamedTuple):
    """One call of a layer: the numbers of the values that it takes, and whether as a list.

    `sides` has those of its side inputs. Without a layer it takes one `item` of several arrays.
    """

    layer: str  # its name in Graph.layers
    inputs: tuple[int, ...]
    several: bool
    sides: dict[str, int]
    item: Any = None


def call_of(wire: Wire, number: Mapping[int, int], name_of: Mapping[int, str]) -> Call:
    """Return the call that computes a wire, by the numbers of wires and the names of layers."""
    sides = {name: number[id(side)] for name, side in wire.sides.items()}
    inputs = tuple(number[id(source)] for source in wire.inputs)
    return Call(name_of.get(id(wire.layer), ""), inputs, wire.several, sides, wire.item)


def wires_again(
    inputs: Sequence[str], calls: Sequence[Call], layers: Mapping[str, Any]
) -> list[Wire]:
    """Return the wires that such calls were made from, by the numbers of their values."""
    wires = [Wire(name=name) for name in inputs]
    for call in calls:
        sides = {name: wires[i] for name, i in call.sides.items()}
        taken, layer = [wires[i] for i in call.inputs], layers.get(call.layer)
        wires.append(Wire(layer, taken, several=call.several, sides=sides, item=call.item))
    return wires


def in_order(inputs: Sequence[str], x: Any, sides: Mapping[str, Array]) -> list[Array]:
    """Return a Graph's inputs in their order. Raises ShapeError unless each is there."""
    if sides:
        x = {inputs[0]: x, **sides}
    if isinstance(x, Mapping) and set(x) == set(inputs):
        return [x[name] for name in inputs]
    if isinstance(x, list | tuple) and len(x) == len(inputs):
        return list(x)
    raise ShapeError(
        f"Graph: x must be a list of arrays, or a dict, for the inputs {inputs}; is "
        f"{list(x) if isinstance(x, Mapping) else short(x)}"
    )


def given_in(call: Call, values: list[Any]) -> tuple[Any, dict[str, Any]]:
    """Return what a call takes of the values so far, and its side inputs."""
    taken = [values[i] for i in call.inputs]
    return taken if call.several else taken[0], {n: values[i] for n, i in call.sides.items()}


def only(item: Any, grad: Array, form: Any) -> Any:
    """Return gradients of several arrays, all None but that of one item."""
    return like(form, [grad if key == item else None for key in keys_of(form)])


def add_to(grads: list[Any], i: int, grad: Any) -> None:
    """Add a gradient to those that a value has got; integers have none."""
    grads[i] = _sum(grads[i], grad)


def _sum(a: Any, b: Any) -> Any:
    """Return a + b, each of which may be None; of several arrays the sums of their fellows."""
    if a is None or b is None:
        return b if a is None else a
    return map_parts(_sum, a, b) if isinstance(a, list | tuple | dict) else a + b
