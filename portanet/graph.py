"""Graph: a layer made of layers that are wired as a directed acyclic graph."""

from collections.abc import Mapping, Sequence
from typing import Any

from portanet.calls import add_to, call_of, given_in, in_order, only, wires_again
from portanet.layer import Layer
from portanet.places import name_place
from portanet.several import SEVERAL, Arrays, check_same_form, like, map_parts, parts_of
from portanet.sharing import SharedGradients
from portanet.summary import Row
from portanet.typing import Array
from portanet.wire import Wire, Wires, named, ordered, wires_of


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

    Layers that return several arrays give one wire for each, wire[0], wire[1]. Side inputs are
    wires given by keyword: LSTM(8, 4)(x, lengths=Input("lengths")).

    x is one array, or of several inputs a list in their order or a dict by their names; backward
    returns the inputs' gradients in the same form, None for integers. In a Sequential or another
    Graph, inputs after the first may also be given as side inputs. The outputs come in the form in
    which their wires were given: alone, as a list, as a dict by name; backward takes gradients in
    this form, None for an output with no share in the loss.

    `names` are names for layers, {"encoder": layer}; others are numbered in the order of the calls.

    Raises ArgumentError if an output depends on something else than the inputs, an input is not
    used, or names are not unique; ShapeError unless forward is given an array for each input.

    Source: Griewank & Walther, "Evaluating derivatives", 2nd edition, 2008, section 3.2.

    >>> import numpy as np
    >>> from portanet import Add, Input, Linear, ReLU
    >>> x = Input()
    >>> model = Graph(x, Add()([ReLU()(Linear(3, 2)(x)), Linear(3, 2)(x)]))
    >>> model(np.zeros((5, 3), np.float32)).shape
    (5, 2)
    """

    sums = "layers"

    def __init__(
        self, inputs: Wire | Sequence[Wire], outputs: Wires, *,
        names: Mapping[str, Layer] | None = None,
    ) -> None:  # fmt: skip
        into, out = wires_of("inputs", inputs), wires_of("outputs", outputs)
        self.inputs, self.one_input = [wire.name for wire in into], isinstance(inputs, Wire)
        order = ordered(into, out)
        number = {id(wire): i for i, wire in enumerate([*into, *order])}
        self.layers = named([w.layer for w in order if w.layer is not None], names or {})
        name_of = {id(layer): name for name, layer in self.layers.items()}
        self.calls = [call_of(wire, number, name_of) for wire in order]
        self.outputs = map_parts(lambda wire: number[id(wire)], outputs)  # pyright: ignore[reportArgumentType]

    def constructor_arguments(self) -> dict[str, Any]:
        """Return what makes such a network, of the layers as they are now."""
        wires = wires_again(self.inputs, self.calls, self.layers)
        return {
            "inputs": wires[0] if self.one_input else wires[: len(self.inputs)],
            "outputs": map_parts(lambda i: wires[i], self.outputs),
            "names": {name: layer for name, layer in self.layers.items() if not name.isdigit()},
        }

    @property
    def input_names(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The names of several inputs; none of one."""
        return () if self.one_input else tuple(self.inputs)

    def side_inputs(self) -> tuple[str, ...]:
        """Return the names of the inputs after the first."""
        return tuple(self.inputs[1:])

    @property
    def takes(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The kind of numbers that the first input's layer wants."""
        return self._kind(0)

    def kinds(self, x: Arrays) -> Any:
        """Return what the numbers of each input must be: what the layers take that get it."""
        found = {name: self._kind(i) for i, name in enumerate(self.inputs)}
        names = x if isinstance(x, dict) else self.inputs[: len(parts_of(x))]
        return like(x, [found[name] for name in names])

    @property
    def returns(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the first output is; of a layer that returns what it gets, what that is."""
        return self.returned(parts_of(self.outputs)[0])

    def returned(self, number: int) -> str:
        """Return what a value is, of the number that it has in `outputs`: "probabilities", say."""
        while number >= len(self.inputs):
            call = self.calls[number - len(self.inputs)]
            if call.layer and self.layers[call.layer].returns != "as its input":
                return self.layers[call.layer].returns
            number = call.inputs[0]
        return "as its input"

    def check_values(self, x: Arrays) -> None:
        """Look at the values of the inputs: the layers that take them know what they want."""
        for i, array in enumerate(self._arrays(x, {})):
            for call in self.calls:
                if i in call.inputs and call.layer and not call.several:
                    self.layers[call.layer].check_values(array)

    def forward(self, x: Arrays, *, training: bool = False, **sides: Array) -> Any:
        """Return the output, or of several a list or a dict."""
        values, memories = self._arrays(x, sides), []
        try:
            for call in self.calls:
                given, named = given_in(call, values)
                if not call.layer:
                    values.append(given[call.item])
                    memories.append(map_parts(lambda _: None, given))
                    continue
                layer = self.layers[call.layer]
                values.append(layer.forward(given, training=training, **named))
                memories.append(layer.take_memory() if training else None)
        except Exception as error:
            name_place(error, self)
            raise
        if training:
            self._saved = (memories, None if sides else map_parts(lambda _: None, x))
        return map_parts(lambda i: values[i], self.outputs)

    def backward(self, grad: Any) -> Any:
        """Return dL/dx of each input from dL/d(output) of each output, and set all gradients."""
        (memories, form), first = self._take_saved(), len(self.inputs)
        grads: list[Any] = [None] * (first + len(self.calls))
        if isinstance(self.outputs, SEVERAL):
            check_same_form("Graph", "grad", grad, "the outputs", self.outputs)
        map_parts(lambda i, part: add_to(grads, i, part), self.outputs, grad)
        shared = SharedGradients([self.layers[c.layer] for c in self.calls if c.layer])
        for k in reversed(range(len(self.calls))):
            call, own = self.calls[k], grads[first + k]
            if own is None:  # it led to integers only, or to an output without one
                continue
            if not call.layer:
                add_to(grads, call.inputs[0], only(call.item, own, memories[k]))
                continue
            layer = self.layers[call.layer]
            layer.put_memory(memories[k])
            found = layer.backward(own)
            shared.add(layer)
            for i, part in zip(call.inputs, found if call.several else [found], strict=True):
                add_to(grads, i, part)
            for name, part in layer.take_side_grads().items():
                add_to(grads, call.sides[name], part)
        return self._as_given(grads[:first], form)

    def summary_rows(self, name: str, x: Arrays, **sides: Array) -> tuple[Any, list[Row]]:
        """Return the outputs for a sample, and a row for each call of a layer."""
        values, rows = self._arrays(x, sides), list[Row]()
        for call in self.calls:
            given, named = given_in(call, values)
            if not call.layer:
                values.append(given[call.item])
                continue
            layer, place = self.layers[call.layer], f"{name}.{call.layer}"
            y, of_layer = layer.summary_rows(place, given, **named)
            values.append(y)
            rows += of_layer
        return map_parts(lambda i: values[i], self.outputs), rows

    def _as_given(self, grads: list[Any], form: Any) -> Any:
        """Return the inputs' gradients as x was given; what was a side input's stays here."""
        if isinstance(form, dict):
            return {name: grads[self.inputs.index(name)] for name in form}
        if form is None:
            for name, grad in zip(self.inputs[1:], grads[1:], strict=True):
                setattr(self, f"{name}_grad", grad)
        return like(form, grads)

    def _kind(self, i: int) -> str:
        """Return what the first layer wants that takes an input as its x; else any numbers."""
        calls = (call for call in self.calls if i in call.inputs and call.layer)
        return next((self.layers[call.layer].takes for call in calls), "own")

    def _arrays(self, x: Any, sides: Mapping[str, Array]) -> list[Array]:
        """Return the inputs in their order. Raises ShapeError unless there are as many."""
        return [x] if self.one_input and not sides else in_order(self.inputs, x, sides)

    def __getitem__(self, name: str) -> Layer:
        """Return a layer by its name."""
        return self.layers[name]

    def __repr__(self) -> str:
        return f"Graph({', '.join(self.inputs)}: {len(self.layers)} layers)"
