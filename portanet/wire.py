"""Wire: what a layer returns when it is called on no numbers, but on the output of other layers.

And what a Graph makes of wires: the order of the calls, and the names of the layers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from portanet.errors import ArgumentError, short
from portanet.several import parts_of
from portanet.sides import check_sides


class Wire:
    """An input of a network, or the output of a layer, that is yet to be computed.

    `layer` computes it from `inputs`; an input of the network has no layer, and a `name`. A layer
    that was called with a list has `several` inputs; `sides` are its side inputs. Of a layer that
    returns several arrays, wire[0], wire[1] … are wires with an `item` and no layer.
    """

    def __init__(
        self, layer: Any = None, inputs: Sequence["Wire"] = (), *, several: bool = False,
        sides: Mapping[str, "Wire"] | None = None, name: str = "", item: int | str | None = None,
    ) -> None:  # fmt: skip
        self.layer, self.inputs, self.several, self.name = layer, tuple(inputs), several, name
        self.sides, self.item = dict(sides or {}), item

    @property
    def sources(self) -> list["Wire"]:
        """The wires that it is computed from."""
        return [*self.inputs, *self.sides.values()]

    def __getitem__(self, item: int | str) -> "Wire":
        """Return a wire for one of several arrays that a layer returns."""
        return Wire(None, (self,), item=item)

    def __iter__(self) -> NoReturn:
        raise ArgumentError(
            f"{self!r}: how many arrays there are is known when they are computed; take each by "
            "its index, wire[0], wire[1]"
        )

    def _refuse(self, other: Any) -> NoReturn:
        raise ArgumentError(
            f"{self!r}: wires are joined by layers, not by operators; came {short(other)}. Write "
            "Add()([a, b]) for a + b, Multiply()([a, b]) for a * b"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __matmul__ = __rmatmul__ = __pow__ = _refuse
    __array_ufunc__ = None  # NumPy leaves array + wire to the methods above

    def __repr__(self) -> str:
        if self.item is not None:
            return f"{self.inputs[0]!r}[{self.item!r}]"
        return f"Input({self.name!r})" if self.layer is None else f"output of {self.layer!r}"


Wires = Wire | Sequence[Wire] | Mapping[str, Wire]
"""A Graph's outputs: one, a list, or a dict by their names."""


def Input(name: str = "x") -> Wire:
    """Return an input of a Graph; layers are called on it, and on what they return.

    >>> Input("tokens")
    Input('tokens')
    """
    return Wire(name=name)


def wired(layer: Any, x: Any, sides: Mapping[str, Any]) -> Wire | None:
    """Return the output of a layer called on a wire or on a list of wires; None for numbers.

    Raises ArgumentError for both at once, and for a side input that the layer has not.
    """
    several = isinstance(x, list | tuple)
    given = [*(x if several else [x]), *sides.values()]
    if not any(isinstance(part, Wire) for part in given):
        return None
    for part in given:
        if not isinstance(part, Wire):
            raise ArgumentError(
                f"{layer!r}: layers that are called on wires must be given nothing else, got "
                f"{short(part)}; numbers enter a Graph by an Input"
            )
    check_sides(repr(layer), sides, layer.side_inputs())
    return Wire(layer, x if several else (x,), several=several, sides=sides)


def wires_of(name: str, wires: Any) -> list[Wire]:
    """Return one wire or several as a list. Raises ArgumentError for what is none."""
    found = parts_of(wires)
    for wire in found or [wires]:
        if not isinstance(wire, Wire):
            raise ArgumentError(
                f"Graph: {name} must be Inputs, or what layers return that are called on them; "
                f"got {short(wire)}; write x = Input(), and layer(x)"
            )
    return found


def named(layers: Sequence[Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return each layer once, by its name in `names`, or by how many there were before it.

    Raises ArgumentError for a name that cannot be, or whose layer is not there.
    """
    known, found = {id(layer): name for name, layer in names.items()}, dict[str, Any]()
    for layer in {id(layer): layer for layer in layers}.values():
        found[known.pop(id(layer), str(len(found)))] = layer
    wrong = [n for n in names if n in known.values() or "." in n or n.isdigit() or n not in found]
    if wrong:
        raise ArgumentError(
            f"Graph: names must be of layers in the graph, a word for each; {wrong[0]!r} is not; "
            "write names={'hidden': layer} with a layer of the graph"
        )
    return found


def ordered(inputs: list[Wire], outputs: list[Wire]) -> list[Wire]:
    """Return the wires from inputs to outputs, each after those that it is computed from.

    Raises ArgumentError unless they depend on all of the inputs, and on nothing else.
    """
    order: dict[int, Wire] = {}
    used: set[int] = set()

    def visit(wire: Wire) -> None:
        if any(wire is given for given in inputs):
            used.add(id(wire))
            return
        if wire.layer is None and wire.item is None:
            raise ArgumentError(
                f"Graph: an output depends on {wire!r}, which is not in inputs (each call of "
                "Input() makes another one)"
            )
        if id(wire) not in order:
            for part in wire.sources:
                visit(part)
            order[id(wire)] = wire

    for wire in outputs:
        visit(wire)
    unused = [wire for wire in inputs if id(wire) not in used]
    if len({wire.name for wire in inputs}) < len(inputs):
        raise ArgumentError(
            f"Graph: each input must have a name of its own, as Input('left'); got {inputs}"
        )
    if unused:
        raise ArgumentError(f"Graph: no output depends on {unused[0]!r}; leave it out of inputs")
    return list(order.values())
