"""Sequential: layers one after the other, and the loss that they are trained on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portanet.chain import check_chain
from portanet.errors import DtypeError, OrderError, PlacementError
from portanet.half import epsilon_at_work
from portanet.input_checks import check_input
from portanet.layer import Layer
from portanet.mixed_precision import MixedPrecision, precision_for
from portanet.no_array import no_array
from portanet.places import name_place
from portanet.predicts import Predicts
from portanet.several import Arrays, labels, parts_of
from portanet.sharing import SharedGradients
from portanet.sides import given_to, split, taken_grads
from portanet.summary import one_sample, table_of
from portanet.typing import Array
from portanet.uniform import check_uniform


class Sequential(Predicts, Layer):
    """Layers one after the other, and the loss that they are trained on.

    forward: x goes through the layers in order. backward: the gradient of the criterion (or the
    one given) goes through them in reverse; the chain rule is this loop. A Parameter may belong to
    several of the layers: its gradient is the sum of theirs.

    x is one array, or a dict of arrays: those whose names are side inputs of layers (`lengths`,
    `padding_mask`, `memory` …) go to these layers, the one that is left is the first layer's x. A
    Graph as the first layer takes its inputs by their names.

    Raises ArgumentError if `layers` is empty or holds something that is not a Layer; PlacementError
    or DtypeError if x does not lie where the network lies.

    >>> import numpy as np
    >>> from portanet import BCEWithLogits, Linear, ReLU
    >>> model = Sequential([Linear(3, 4), ReLU(), Linear(4, 1)], BCEWithLogits())
    >>> model.forward(np.zeros((2, 3), np.float32)).shape
    (2, 1)
    """

    how_to_call = "{}([Linear(3, 4), ReLU()], criterion)"
    sums = "layers"

    def __init__(self, layers: Sequence[Layer], criterion: Any = None) -> None:
        check_chain(layers, criterion, Layer)
        self.layers = list(layers)
        self.criterion: Any = criterion  # a Loss, which stands on a floor above
        if hasattr(criterion, "check_last_layer"):
            self.criterion.check_last_layer(self)

    def constructor_arguments(self) -> dict[str, Any]:
        """Return what makes such a network, of the layers as they are now."""
        return {"layers": self.layers, "criterion": self.criterion}

    @property
    def precision(self) -> MixedPrecision | None:
        """How the layers compute: None, in the network's dtype, or in half precision.

        Assigning "float16", "bfloat16" or a MixedPrecision changes the passes from then on.
        """
        return vars(self).get("precision")

    @precision.setter
    def precision(self, precision: Any) -> None:
        vars(self)["precision"] = precision_for(self, precision)

    @property
    def takes(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The kind of numbers that the first layer wants."""
        return self.layers[0].takes

    @property
    def returns(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the last layer returns; if it returns what it gets, what that is."""
        kinds = (layer.returns for layer in reversed(self.layers))
        return next((kind for kind in kinds if kind != "as its input"), "as its input")

    def kinds(self, x: Arrays) -> Any:
        """Return what the numbers of each array must be: side inputs are taken as they are."""
        main, sides = split(self, x)
        kinds = self.layers[0].kinds(main)
        if not isinstance(x, dict):
            return kinds
        known = kinds if isinstance(kinds, dict) else {}
        return {name: "own" if name in sides else known.get(name, kinds) for name in x}

    def check_values(self, x: Arrays) -> None:
        """Look at the values of an input: the first layer knows what it takes."""
        self.layers[0].check_values(split(self, x)[0])

    def side_inputs(self) -> tuple[str, ...]:
        """Return the names of the side inputs that layers take."""
        return tuple(dict.fromkeys(name for layer in self.layers for name in layer.side_inputs()))

    def take_side_grads(self) -> dict[str, Array]:
        """Return the gradients that backward has left in layers, by name; forget them."""
        return (
            taken_grads(self.layers) if self.precision is None else self.precision.take_side_grads()
        )

    def forward(self, x: Arrays, *, training: bool = False, **sides: Array) -> Any:
        """Return the output of the last layer."""
        try:
            x, named = split(self, x)
            sides |= named
            self._check(x)
            if self.precision is not None:
                return self.precision.forward(self, x, sides, training=training)
            return self.forward_layers(x, sides, training=training)
        except Exception as error:
            if isinstance(error, DtypeError | PlacementError):
                check_uniform(self)  # if a parameter is not like the others, x is right
            name_place(error, self)
            raise

    def forward_layers(self, x: Arrays, sides: Mapping[str, Array], *, training: bool) -> Any:
        """Return the output of the last layer, each layer given that of the one before it."""
        for layer in self.layers:
            x = layer.forward(x, training=training, **given_to(layer, sides))
        return x

    def backward(self, grad: Array | None = None) -> Array:
        """Set all gradients, and return dL/dx. Without `grad` it starts from the criterion."""
        if grad is None:
            if self.criterion is None:
                raise OrderError(
                    "Sequential.backward() has no gradient to start from: give the network a "
                    "criterion, Sequential(layers, criterion), or call backward(grad)"
                )
            grad = self.criterion.backward()
        try:
            if self.precision is not None:
                return self.precision.backward(self, grad)
            return self.backward_layers(grad)
        except Exception as error:
            name_place(error, self)
            raise

    def backward_layers(self, grad: Any) -> Any:
        """Return dL/dx and set all gradients: the chain rule is this loop."""
        shared = SharedGradients(self.layers)
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
            shared.add(layer)
        return grad

    def summary(self, shape: Any = None) -> str:
        """Return a table of the layers for samples of a shape: outputs, parameters, bytes.

        Of several inputs `shape` is a dict of shapes, or arrays of one sample or more: side inputs
        that are no floats (lengths, masks) are given so. What layers share is in the row of each,
        and in the total once. Raises ShapeError, as forward does, if the network does not take
        such samples.

        >>> from portanet import Linear, ReLU
        >>> print(Sequential([Linear(30, 20), ReLU(), Linear(20, 1)]).summary((30,)))
        layer             output   parameters  bytes
        0 Linear(30, 20)  (N, 20)         620  2,480
        1 ReLU()          (N, 20)           0      0
        2 Linear(20, 1)   (N, 1)           21     84
        total             (N, 1)          641  2,564
        """
        x, sides = one_sample(self, shape)
        self._check(x)
        return table_of(self, x, sides)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        """Return a layer, or of a slice a Sequential of the same layers, without a criterion."""
        return Sequential(self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def _check(self, x: Arrays) -> None:
        """Look at x once, at the door, in the words of portanet and not of a library's."""
        if isinstance(x, list | tuple) and x and not hasattr(x[0], "shape"):  # no arrays: numbers
            raise no_array("Sequential", "x", x)
        first, layer = self.first_parameter(), self.layers[0]
        kinds = parts_of(layer.kinds(x))
        first = None if epsilon_at_work() else first  # it may be one that stays float32
        for name, part, kind in zip(labels("x", x), parts_of(x), kinds, strict=True):
            check_input("Sequential", name, part, kind, layer, first)

    def __repr__(self) -> str:
        return f"Sequential({self.layers}{f', {self.criterion}' if self.criterion else ''})"
