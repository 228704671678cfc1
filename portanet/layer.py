"""What a layer is: Part (what layers and losses share), Layer and Sequential."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

from portanet.backends import Backend, backend_of, get
from portanet.checks import (
    check_alike,
    check_takes,
    dtype_name,
    float_dtype,
    is_float,
    is_integer,
    name_of_known,
)
from portanet.errors import (
    ArgumentError,
    DtypeError,
    OrderError,
    PlacementError,
    SharedParameterError,
    short,
)
from portanet.parameter import Buffer, Parameter
from portanet.snapshot import Snapshot, restore_snapshot, take_snapshot
from portanet.typing import Array
from portanet.uniform import check_uniform
from portanet.versioned import Versioned


class Part(Versioned):
    """What layers and losses share: parameters found among the attributes, and a memory."""

    _saved: Any = None
    _home: tuple[Backend, str] | None = None  # where `to` has put a part without parameters

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters of this part and its parts, by names such as "layers.0.weights".

        Raises SharedParameterError if one stands in two places: each backward pass sets the
        gradient, so the second would silently replace the first.
        """
        found: dict[str, Parameter] = {}
        seen: dict[int, str] = {}
        for name, parameter in _walk(self, Parameter):
            if id(parameter) in seen:
                raise SharedParameterError(
                    f"{type(self).__name__}: {seen[id(parameter)]} and {name} are one Parameter, "
                    "whose two gradients would replace each other; give each layer its own"
                )
            seen[id(parameter)] = name
            found[name] = parameter
        return found

    def parameters(self) -> list[Parameter]:
        """Return the parameters of this part and its parts."""
        return list(self.named_parameters().values())

    def named_buffers(self) -> dict[str, Buffer]:
        """Return the buffers of this part and its parts, by name."""
        return dict(_walk(self, Buffer))

    def named_parts(self) -> dict[str, "Part"]:
        """Return this part (under the name "") and the parts it is made of, by name."""
        return dict(_walk(self, Part))

    @property
    def placement(self) -> tuple[Backend, str]:
        """The backend that the parameters lie on, and their dtype by name.

        Without parameters: what `to` was last told, NumPy and float32 if nothing.
        """
        first = next(_walk(self, Parameter), None)
        if first is None:
            return self._home or (get("numpy"), "float32")
        array = first[1].peek()
        return backend_of(array), name_of_known(array.dtype)

    @property
    def backend(self) -> Backend:
        """The backend that the parameters lie on (without any: where `to` was last told)."""
        return self.placement[0]

    @property
    def dtype(self) -> str:
        """The parameters' dtype by name, "float32" unless `to` was told otherwise."""
        return self.placement[1]

    def to(self, backend: str | None = None, *, device: Any = None, dtype: Any = None) -> Self:
        """Move everything to a backend, a device or a dtype, and return self.

        What is not named stays: `to(dtype="float64")` keeps the backend. Gradients and what a
        forward pass has saved are dropped. Data, optimizers and metrics follow by themselves.

        Raises MissingBackendError if the backend cannot run here, ArgumentError for an unknown
        name, DtypeError if the device lacks the dtype.
        """
        if backend is None and device is not None:
            backend = self.backend.name
        target = self.backend if backend is None else get(backend, device)
        dtype = self.dtype if dtype is None else float_dtype(f"{type(self).__name__}.to", dtype)
        target.dtype(dtype)  # raises before anything has moved
        for _, parameter in _walk(self, Parameter):
            parameter.value = moved(parameter.value, target, dtype)
            parameter.grad = None
        for _, buffer in _walk(self, Buffer):
            kept = dtype if is_float(buffer.value) else dtype_name(buffer.value.dtype)
            buffer.value = moved(buffer.value, target, kept)
        for _, part in _walk(self, Part):
            part._saved, part._home = None, (target, dtype)
        return self

    def snapshot(self) -> Snapshot:
        """Return copies of all parameters and buffers, to go back to with `restore`.

        They stay on the device: this is how the best weights of a run are kept.
        """
        return take_snapshot(self)

    def restore(self, snapshot: Snapshot) -> Self:
        """Go back to the parameters and buffers of a snapshot, and return self.

        Raises ArgumentError, before anything changes, if it is of a model of another structure.
        """
        restore_snapshot(self, snapshot)
        return self

    def _take_saved(self) -> Any:
        """Return what forward saved, once. Raises OrderError if there is nothing."""
        saved, self._saved = self._saved, None
        if saved is None:
            name = type(self).__name__
            raise OrderError(
                f"{name}.backward() has nothing to work from: call {name}.forward(..., "
                "training=True) before each backward(), and use a layer once in a network"
            )
        return saved


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

    def __call__(self, x: Array, *, training: bool = False) -> Array:
        """Return forward(x)."""
        return self.forward(x, training=training)


class Sequential(Layer):
    """Layers one after the other, and the loss that they are trained on.

    forward: x goes through the layers in order. backward: the gradient of the criterion (or the
    one given) goes through them in reverse; the chain rule is this loop.

    Raises ArgumentError if `layers` is empty or holds something that is not a Layer; PlacementError
    or DtypeError if x does not lie where the network lies.

    >>> import numpy as np
    >>> from portanet import BCEWithLogits, Linear, ReLU
    >>> model = Sequential([Linear(3, 4), ReLU(), Linear(4, 1)], BCEWithLogits())
    >>> model.forward(np.zeros((2, 3), np.float32)).shape
    (2, 1)
    """

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
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def _check(self, x: Array) -> None:
        """Look at x once, at the door, in the words of portanet and not of a library's."""
        first = next(_walk(self, Parameter), None)
        if self.takes == "floats":
            check_takes("Sequential", x, self.layers[0])
            if first is not None:
                check_alike("Sequential", "x", x, "the network", first[1].peek())
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


def _walk(part: Any, kind: type, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name, object) for every object of a kind in a part, its parts, lists and dicts."""
    if isinstance(part, kind):
        yield name.removesuffix("."), part
    if isinstance(part, Part):
        for key, value in vars(part).items():
            if key != "_saved":
                yield from _walk(value, kind, f"{name}{key}.")
    elif isinstance(part, list | tuple):
        for i, value in enumerate(part):
            yield from _walk(value, kind, f"{name}{i}.")
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from _walk(value, kind, f"{name}{key}.")


def moved(value: Array, target: Backend, dtype: str) -> Array:
    """Return value on a backend and in a dtype."""
    here = backend_of(value)
    if here is target:
        return value if dtype_name(value.dtype) == dtype else target.asarray(value, dtype)
    return target.asarray(here.to_numpy(value), dtype)
