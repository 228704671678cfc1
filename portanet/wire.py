"""Wire: what a layer returns when it is called on no numbers, but on the output of other layers."""

from collections.abc import Sequence
from typing import Any

from portanet.errors import ArgumentError, short


class Wire:
    """An input of a network, or the output of a layer, that is yet to be computed.

    `layer` computes it from `inputs`; an input of the network has no layer, and a `name`. A layer
    that was called with a list has `several` inputs.
    """

    def __init__(
        self, layer: Any = None, inputs: Sequence["Wire"] = (), *, several: bool = False,
        name: str = "",
    ) -> None:  # fmt: skip
        self.layer, self.inputs, self.several, self.name = layer, tuple(inputs), several, name

    def __repr__(self) -> str:
        return f"Input({self.name!r})" if self.layer is None else f"output of {self.layer!r}"


def wired(layer: Any, x: Any) -> Wire | None:
    """Return the output of a layer called on a wire or on a list of wires; None for numbers.

    Raises ArgumentError for a list of both.
    """
    if isinstance(x, Wire):
        return Wire(layer, (x,))
    if not isinstance(x, list | tuple) or not any(isinstance(part, Wire) for part in x):
        return None
    for part in x:
        if not isinstance(part, Wire):
            raise ArgumentError(
                f"{layer!r}: a list of wires must hold nothing else, holds {short(part)}; numbers "
                "enter a Graph by an Input"
            )
    return Wire(layer, x, several=True)
