"""Layers composed of layers."""

from collections.abc import Sequence
from typing import Any

from portanet.checks import check_choice, check_count, short
from portanet.errors import ArgumentError, ShapeError
from portanet.layer import Layer
from portanet.layers.joins import Add, Concat
from portanet.options import Option
from portanet.reprs import call_of
from portanet.sequential import Sequential
from portanet.sides import given_to, taken_grads
from portanet.typing import Array


class Residual(Layer):
    """y = x + f(x), where f is a network: f learns the difference from the identity.

    Shapes: x and y alike, as f accepts them; f must keep the shape.

    With G = dL/dy: dL/dx = G + f.backward(G), as G is the gradient of both summands.

    `layers` is a layer, such as a Sequential, or a list of layers.

    Raises ShapeError unless f(x) has x's shape; ArgumentError unless `layers` are layers.

    Source: He et al., "Deep residual learning for image recognition", 2016, equation 1.

    >>> import numpy as np
    >>> from portanet import ReLU
    >>> Residual([ReLU()])(np.asarray([[-1.0, 2.0]]))
    array([[-1.,  4.]])
    """

    def __init__(self, layers: Layer | Sequence[Layer]) -> None:
        self.layers = _as_layer("Residual", "layers", layers)

    def constructor_arguments(self) -> dict[str, Any]:
        """Return what makes such a layer, of f as it is now."""
        return {"layers": self.layers}

    @property
    def takes(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The kind of numbers that f takes."""
        return self.layers.takes

    def check_values(self, x: Array) -> None:
        """Check the values of an input with f."""
        self.layers.check_values(x)

    def side_inputs(self) -> tuple[str, ...]:
        """Return the names of f's side inputs."""
        return self.layers.side_inputs()

    def take_side_grads(self) -> dict[str, Array]:
        """Return the gradients of f's side inputs; forget them."""
        return self.layers.take_side_grads()

    def forward(self, x: Array, *, training: bool = False, **sides: Array) -> Array:
        """Return x + f(x)."""
        y = self.layers.forward(x, training=training, **sides)
        if tuple(y.shape) != tuple(x.shape):
            raise ShapeError(
                f"Residual: f(x) must have the shape of x, {tuple(x.shape)}, to be added to it, "
                f"has {tuple(y.shape)}; let the layers keep the shape (padding='same')"
            )
        if training:
            self._saved = True
        return x + y

    def backward(self, grad: Array) -> Array:
        """Return G + f.backward(G)."""
        self._take_saved()
        return grad + self.layers.backward(grad)

    def __repr__(self) -> str:
        return f"Residual({self.layers!r})"


class Parallel(Layer):
    """y = f1(x), f2(x), ... concatenated along an axis (how="concat"), or added (how="sum").

    Shapes: x as the branches accept it. concat: the outputs may differ along `axis` only, where the
    length of y is the sum of theirs; sum: all have one shape.

    Each branch receives its part of G = dL/dy (concat: a slice, sum: all of it), and dL/dx is the
    sum of the branches' gradients, as all have the same input.

    `branches` is a list; a branch is a layer or a list of layers. `axis` 1 are the channels.

    Raises ShapeError unless the shapes of the outputs match; ArgumentError if a branch is not a
    layer, or for an unknown `how`.

    Source: Szegedy et al., "Going deeper with convolutions", 2015, section 4.

    >>> import numpy as np
    >>> from portanet import ReLU, Sigmoid
    >>> Parallel([ReLU(), [Sigmoid()]])(np.asarray([[0.0, 3.0]])).shape
    (1, 4)
    """

    how = Option(check_choice, ("concat", "sum"), fixed=True)
    axis = Option(check_count, fixed=True)

    def __init__(self, branches: Sequence[Any], *, how: str = "concat", axis: int = 1) -> None:
        if not isinstance(branches, Sequence) or not branches:
            raise ArgumentError(
                f"Parallel: branches must be a list of layers, is {short(branches)}"
            )
        self.how, self.axis = how, axis
        self.branches = [_as_layer("Parallel", f"branches[{i}]", b) for i, b in enumerate(branches)]
        self.join = Concat(axis) if how == "concat" else Add()

    def constructor_arguments(self) -> dict[str, Any]:
        """Return what makes such a layer, of the branches as they are now."""
        return {"branches": self.branches, "how": self.how, "axis": self.axis}

    @property
    def takes(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The kind of numbers that the branches take."""
        return self.branches[0].takes

    def check_values(self, x: Array) -> None:
        """Check the values of an input with every branch."""
        for branch in self.branches:
            branch.check_values(x)

    def side_inputs(self) -> tuple[str, ...]:
        """Return the names of the branches' side inputs."""
        return tuple(dict.fromkeys(name for b in self.branches for name in b.side_inputs()))

    def take_side_grads(self) -> dict[str, Array]:
        """Return the sums of the gradients of side inputs over the branches; forget them."""
        return taken_grads(self.branches)

    def forward(self, x: Array, *, training: bool = False, **sides: Array) -> Array:
        """Return the outputs of all branches, concatenated or added."""
        outputs = [b.forward(x, training=training, **given_to(b, sides)) for b in self.branches]
        return self.join.forward(outputs, training=training)

    def backward(self, grad: Array) -> Array | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the sum of the branches' dL/dx; None for integers, which have no derivative."""
        grads = self.join.backward(grad)
        found = [branch.backward(g) for branch, g in zip(self.branches, grads, strict=True)]
        known = [g for g in found if g is not None]
        return sum(known[1:], known[0]) if known else None

    def __repr__(self) -> str:
        return call_of(self, self.branches, how=self.how, axis=self.axis)


def _as_layer(who: str, name: str, layers: Any) -> Layer:
    if isinstance(layers, Layer):
        return layers
    if not isinstance(layers, Sequence) or not layers:
        raise ArgumentError(
            f"{who}: {name} must be a layer or a list of layers, is {short(layers)}"
        )
    return Sequential(layers)
