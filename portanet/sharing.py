"""Parameters that several layers use: the network that calls the layers adds up their gradients."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from portanet.parameter import Parameter
from portanet.part import Part
from portanet.walking import held


class SharedGradients:
    """Adds up the gradients of parameters that more than one of some layers use.

    dL/dvalue of a value that is used in several places is the sum over the places. A layer's own
    backward sets the gradient of its place; `add` makes the sum of it and those before.
    """

    def __init__(self, layers: Sequence[Part]) -> None:
        self._sums: dict[int, Any] = {}
        self._shared: dict[int, list[Parameter]] = {}
        of_each = [held(layer, Parameter) for layer in layers]
        every = [id(parameter) for own in of_each for parameter in own]
        if len(set(every)) < len(every):  # as a rule none is shared
            self._find(layers, of_each)

    def _find(self, layers: Sequence[Part], of_each: list[list[Parameter]]) -> None:
        uses = [{id(parameter): parameter for parameter in own} for own in of_each]
        counts = Counter(key for use in uses for key in use)
        for layer, use in zip(layers, uses, strict=True):
            self._shared[id(layer)] = [p for key, p in use.items() if counts[key] > 1]

    def add(self, layer: Part) -> None:
        """Add what a layer's backward has just set."""
        for parameter in self._shared.get(id(layer), ()):
            if id(parameter) in self._sums:
                parameter.grad = self._sums[id(parameter)] + parameter.grad
            self._sums[id(parameter)] = parameter.grad
