"""Parameters that several layers use: the network that calls the layers adds up their gradients."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from portanet.parameter import Parameter
from portanet.part import Part


class SharedGradients:
    """Adds up the gradients of parameters that more than one of some layers use.

    dL/dvalue of a value that is used in several places is the sum over the places. A layer's own
    backward sets the gradient of its place; `add` makes the sum of it and those before.
    """

    def __init__(self, layers: Sequence[Part]) -> None:
        uses = [{id(p): p for p in layer.parameters()} for layer in layers]
        counts = Counter(key for use in uses for key in use)
        self._sums: dict[int, Any] = {}
        self._shared: dict[int, list[Parameter]] = {}
        for layer, use in zip(layers, uses, strict=True):
            self._shared[id(layer)] = [p for key, p in use.items() if counts[key] > 1]

    def add(self, layer: Part) -> None:
        """Add what a layer's backward has just set."""
        for parameter in self._shared[id(layer)]:
            if id(parameter) in self._sums:
                parameter.grad = self._sums[id(parameter)] + parameter.grad
            self._sums[id(parameter)] = parameter.grad
