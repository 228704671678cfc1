"""What a layer is: Layer, and Sequential, layers one after the other."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from portanet.checks import check_alike, check_takes, dtype_name, is_float, is_integer
from portanet.errors import ArgumentError, DtypeError, OrderError, PlacementError, short
from portanet.parameter import Buffer as Buffer
from portanet.parameter import Parameter as Parameter
from portanet.part import Part as Part
from portanet.part import moved as moved
from portanet.sharing import SharedGradients
from portanet.summary import row_of, table
from portanet.typing import Array
from portanet.uniform import check_uniform
from portanet.wire import wired


class Layer(Part):
    """A function with parameters, its derivative, and a memory between the two.

    A layer defines `forward(x, *, training=False)` and `backward(grad)`. `training=True` says that
    a backward pass will follow: then forward saves what that needs in `self._saved`, and backward
    takes it with `self._take_saved()`, sets `grad` of each Parameter to dL/dvalue (a sum over the
    batch: the loss owns the 1/N) and returns dL/dx.
    """

    takes: ClassVar[str] = "floats"  # or "integers": the kind of numbers that forward wants
    returns: ClassVar[str] = "numbers"  # or "probabilities", "log-probabilities", "as its input"

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the layer's output for x."""
        raise NotImplementedError(
            f"{type(self).__name__} must define forward(x, *, training=False): its output for x"
        )

    def backward(self, grad: Array) -> Array:
        """Return dL/dx from grad = dL/d(output), and set the parameters' gradients."""
        raise NotImplementedError(
            f"{type(self).__name__} must define backward(grad): dL/dx for grad = dL/d(output)"
        )

    def check_values(self, x: Array) -> None:
        """Look at the values of an input. Raises DataError if there are some that make no sense.

        The loader calls this once for a whole data set, where it is staged, and never a step.
        """

    def freeze(self) -> Self:
        """Keep optimizers from moving this layer's parameters; return self.

        Running statistics (buffers) still follow the data while training.
        """
        for parameter in self.parameters():
            parameter.trainable = False
        return self

    def unfreeze(self) -> Self:
        """Let optimizers move this layer's parameters; return self."""
        for parameter in self.parameters():
            parameter.trainable = True
        return self

    def __call__(self, x: Any, *, training: bool = False) -> Any:
        """Return forward(x); in a Graph, called on a Wire, one for what forward will return."""
        wire = wired(self, x)
        return self.forward(x, training=training) if wire is None else wire


class Sequential(Layer):
    """Layers one after the other, and the loss that they are trained on.

    forward: x goes through the layers in order. backward: the gradient of the criterion (or the
    one given) goes through them in reverse; the chain rule is this loop. A Parameter may belong to
    several of the layers: its gradient is the sum of theirs.

    Raises ArgumentError if `layers` is empty or holds something that is not a Layer; PlacementError
    or DtypeError if x does not lie where the network lies.

    >>> import numpy as np
    >>> from portanet import BCEWithLogits, Linear, ReLU
    >>> model = Sequential([Linear(3, 4), ReLU(), Linear(4, 1)], BCEWithLogits())
    >>> model.forward(np.zeros((2, 3), np.float32)).shape
    (2, 1)
    """

    sums = "layers"

    def __init__(self, layers: Sequence[Layer], criterion: Any = None) -> None:
        if not isinstance(layers, Sequence) or not layers:
            raise ArgumentError(f"Sequential: layers must be a list of layers, is {short(layers)}")
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise ArgumentError(
                    f"Sequential: layers[{i}] must be a Layer, is {short(layer)}"
                    + ("; make one of it with ()" if isinstance(layer, type) else "")
                )
        if criterion is not None and not isinstance(criterion, Part):
            raise ArgumentError(
                "Sequential: criterion must be a loss such as BCEWithLogits(), is "
                f"{short(criterion)}"
            )
        self.layers = list(layers)
        self.criterion: Any = criterion  # a Loss, which stands on a floor above
        if hasattr(criterion, "check_last_layer"):
            self.criterion.check_last_layer(self)

    @property
    def takes(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The kind of numbers that the first layer wants."""
        return self.layers[0].takes

    def check_values(self, x: Array) -> None:
        """Look at the values of an input: the first layer knows what it takes."""
        self.layers[0].check_values(x)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the output of the last layer."""
        try:
            self._check(x)
            for layer in self.layers:
                x = layer.forward(x, training=training)
        except (DtypeError, PlacementError):
            check_uniform(self)  # if a parameter is not like the others, x is right
            raise
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
        shared = SharedGradients(self.layers)
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
            shared.add(layer)
        return grad

    def summary(self, shape: Sequence[int]) -> str:
        """Return a table of the layers for samples of a shape: outputs, parameters, bytes.

        What layers share is in the row of each, and in the total once. Raises ShapeError, as
        forward does, if the network does not take such samples.

        >>> from portanet import Linear, ReLU
        >>> print(Sequential([Linear(30, 20), ReLU(), Linear(20, 1)]).summary((30,)))
        layer             output   parameters  bytes
        0 Linear(30, 20)  (N, 20)         620  2,480
        1 ReLU()          (N, 20)           0      0
        2 Linear(20, 1)   (N, 1)           21     84
        total             (N, 1)          641  2,564
        """
        backend, dtype = self.placement
        dtype = dtype if self.takes == "floats" else backend.index_dtype()
        x, rows = backend.asarray(np.zeros((1, *shape)), dtype), []
        self._check(x)
        for i, layer in enumerate(self.layers):
            x = layer.forward(x)
            rows.append(row_of(f"{i} {short(layer)}", x.shape, layer.parameters()))
        return table([*rows, row_of("total", x.shape, self.parameters())])

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        """Return a layer, or of a slice a Sequential of the same layers, without a criterion."""
        return Sequential(self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def _check(self, x: Array) -> None:
        """Look at x once, at the door, in the words of portanet and not of a library's."""
        first = self.first_parameter()
        if self.takes == "floats":
            check_takes("Sequential", x, self.layers[0])
            if first is not None:
                check_alike("Sequential", "x", x, "the network", first.peek())
            elif not is_float(x):
                raise DtypeError(
                    f"Sequential: x must be float32 or float64, is {dtype_name(x.dtype)}"
                )
        elif not is_integer(x):
            raise DtypeError(
                f"Sequential: x must be integers, as {type(self.layers[0]).__name__} wants, is "
                f"{dtype_name(x.dtype)}"
            )

    def __repr__(self) -> str:
        parts = [*map(repr, self.layers), *([repr(self.criterion)] if self.criterion else [])]
        return f"Sequential({', '.join(parts)})"
