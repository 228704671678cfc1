"""Graph: a layer made of layers that are wired as a directed acyclic graph."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from portanet.checks import short
from portanet.errors import ShapeError
from portanet.layer import Layer
from portanet.sharing import SharedGradients
from portanet.typing import Array
from portanet.wire import Wire, named, ordered, wires_of

Arrays = Array | Sequence[Array] | Mapping[str, Array]


class Call(NamedTuple):
    """One call of a layer: the numbers of the values that it takes, and whether as a list."""

    layer: str  # its name in Graph.layers
    inputs: tuple[int, ...]
    several: bool


def Input(name: str = "x") -> Wire:
    """Return an input of a Graph; layers are called on it, and on what they return.

    >>> Input("tokens")
    Input('tokens')
    """
    return Wire(name=name)


class Graph(Layer):
    """A network that is not a chain: branches, joins, several inputs and outputs.

    Layers are called on `Input`s and on each other's outputs, which computes nothing; a Graph then
    goes from its inputs to its outputs. It is a layer: with one input and one output it may stand
    in a Sequential, which gives it a loss. A layer that takes a list is called on a list (Add,
    Multiply, Concat).

    forward computes the values v_1, v_2 … in the order of the calls. backward goes through the
    calls in reverse: with G_k = dL/dv_k, complete by then, each call gives the gradients of what it
    took, and these are added to those from other calls (the chain rule of several variables). A
    layer that is called twice, or a Parameter of several layers, has the sum of its gradients.

    x is one array, or of several inputs a list in their order or a dict by their names; backward
    takes and returns arrays in the same form, None for integers and for an output with no share in
    the loss.

    `names` are names for layers, {"encoder": layer}; others are numbered in the order of the calls.

    Raises ArgumentError if an output depends on something else than the inputs, an input is not
    used, or names are not unique; ShapeError unless forward is given an array for each input.

    Source: Griewank & Walther, "Evaluating derivatives", 2nd edition, 2008, section 3.2: reverse
    mode, where the adjoints of a value's uses are added.

    >>> import numpy as np
    >>> from portanet import Add, Linear, ReLU
    >>> x = Input()
    >>> model = Graph(x, Add()([ReLU()(Linear(3, 2)(x)), Linear(3, 2)(x)]))
    >>> model(np.zeros((5, 3), np.float32)).shape
    (5, 2)
    """

    sums = "layers"

    def __init__(
        self, inputs: Wire | Sequence[Wire], outputs: Wire | Sequence[Wire], *,
        names: Mapping[str, Layer] | None = None,
    ) -> None:  # fmt: skip
        self.one_input, self.one_output = isinstance(inputs, Wire), isinstance(outputs, Wire)
        into, out = wires_of("inputs", inputs), wires_of("outputs", outputs)
        self.inputs = [wire.name for wire in into]
        order = ordered(into, out)
        number = {id(wire): i for i, wire in enumerate([*into, *order])}
        self.layers = named([wire.layer for wire in order], names or {})
        name_of = {id(layer): name for name, layer in self.layers.items()}
        self.calls = [
            Call(name_of[id(w.layer)], tuple(number[id(x)] for x in w.inputs), w.several)
            for w in order
        ]
        self.outputs = [number[id(wire)] for wire in out]

    @property
    def takes(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The kind of numbers that the first input's layer wants."""
        return next(self.layers[call.layer].takes for call in self.calls if 0 in call.inputs)

    @property
    def returns(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the first output is; of a layer that returns what it gets, what that is."""
        number = self.outputs[0]
        while number >= len(self.inputs):
            call = self.calls[number - len(self.inputs)]
            if self.layers[call.layer].returns != "as its input":
                return self.layers[call.layer].returns
            number = call.inputs[0]
        return "as its input"

    def check_values(self, x: Arrays) -> None:
        """Look at the values of the inputs: the layers that take them know what they want."""
        for i, array in enumerate(self._arrays(x)):
            for call in self.calls:
                if i in call.inputs and not call.several:
                    self.layers[call.layer].check_values(array)

    def forward(self, x: Arrays, *, training: bool = False) -> Any:
        """Return the output, or of several a list."""
        values, memories = self._arrays(x), []
        for call in self.calls:
            layer, taken = self.layers[call.layer], [values[i] for i in call.inputs]
            values.append(layer.forward(taken if call.several else taken[0], training=training))
            if training:
                memories.append(layer.take_memory())
        if training:
            self._saved = memories
        found = [values[i] for i in self.outputs]
        return found[0] if self.one_output else found

    def backward(self, grad: Any) -> Any:
        """Return dL/dx of each input from dL/d(output) of each output, and set all gradients."""
        memories, first = self._take_saved(), len(self.inputs)
        grads: list[Any] = [None] * (first + len(self.calls))
        for i, part in zip(self.outputs, [grad] if self.one_output else grad, strict=True):
            _add(grads, i, part)
        shared = SharedGradients([self.layers[call.layer] for call in self.calls])
        for k in reversed(range(len(self.calls))):
            call, layer = self.calls[k], self.layers[self.calls[k].layer]
            if grads[first + k] is None:  # it led to integers only, or to an output without one
                continue
            layer.put_memory(memories[k])
            found = layer.backward(grads[first + k])
            shared.add(layer)
            for i, part in zip(call.inputs, found if call.several else [found], strict=True):
                _add(grads, i, part)
        return grads[0] if self.one_input else grads[:first]

    def _arrays(self, x: Any) -> list[Array]:
        """Return the inputs in their order. Raises ShapeError unless there are as many."""
        if self.one_input:
            return [x]
        if isinstance(x, Mapping) and set(x) == set(self.inputs):
            return [x[name] for name in self.inputs]
        if isinstance(x, list | tuple) and len(x) == len(self.inputs):
            return list(x)
        raise ShapeError(
            f"Graph: x must be a list of arrays, or a dict, for the inputs {self.inputs}; is "
            f"{list(x) if isinstance(x, Mapping) else short(x)}"
        )

    def __getitem__(self, name: str) -> Layer:
        """Return a layer by its name."""
        return self.layers[name]

    def __repr__(self) -> str:
        return f"Graph({', '.join(self.inputs)}: {len(self.layers)} layers)"


def _add(grads: list[Any], i: int, grad: Any) -> None:
    """Add a gradient to those that a value has got; integers have none."""
    if grad is not None:
        grads[i] = grad if grads[i] is None else grads[i] + grad
