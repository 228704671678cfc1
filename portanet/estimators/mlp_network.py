"""The network of an MLP: linear layers, activations between them, and its loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import numpy as np

from portanet.estimators.mlp_losses import LOSSES, MLPLoss, WeightPenalty
from portanet.initializers import zeros
from portanet.layer import Layer, Parameter
from portanet.layers import Linear, ReLU, Sigmoid, Tanh
from portanet.sequential import Sequential
from portanet.typing import Array

ACTIVATIONS: dict[str, type[Layer] | None] = {
    "identity": None,
    "logistic": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
}
"""The layer of an activation, by scikit-learn's name."""


@dataclass(frozen=True)
class MLPForm:
    """What kind of network it is.

    units       the number of inputs, of units in each hidden layer, and of outputs
    activation  of the hidden layers: "identity", "logistic", "tanh" or "relu"
    output      the link of the outputs: "softmax", "logistic", "identity" or "exp"
    alpha       the factor of the penalty on the weights
    """

    units: tuple[int, ...]
    activation: str
    output: str
    alpha: float = 0.0

    def network(self) -> "MLPNetwork":
        """Return such a network, with weights of 0."""
        return MLPNetwork(self.units, self.activation, self.output, self.alpha)


class OneOutput(Linear):
    """A linear layer of one output, whose dL/dx = G wᵀ is elementwise: a column times a row.

    BLAS takes several times as long for such a product.
    """

    def backward(self, grad: Array) -> Array:
        """Set dL/dw = xᵀ G and dL/db; return dL/dx = G wᵀ."""
        self.set_gradients(grad)
        return grad * self.weights.value.T


class MLPNetwork(Sequential):
    """Linear layers and activations; its loss has a penalty on the weights.

    backward adds the penalty's gradient to those of the weights.
    """

    def __init__(
        self, units: Sequence[int], activation: str, output: str, alpha: float = 0.0
    ) -> None:
        sizes = pairwise(units)
        linear = [(Linear if m > 1 else OneOutput)(n, m, weights=zeros) for n, m in sizes]
        kind, layers = ACTIVATIONS[activation], list[Layer](linear[:1])
        for layer in linear[1:]:
            layers += [layer] if kind is None else [kind(), layer]
        self.form = MLPForm(tuple(units), activation, output, alpha)
        penalty = WeightPenalty(linear, alpha) if alpha else None
        super().__init__(layers, LOSSES[output](penalty))

    @property
    def linear(self) -> list[Linear]:
        """The linear layers."""
        return [layer for layer in self.layers if isinstance(layer, Linear)]

    def backward(self, grad: Array | None = None) -> Array:
        """Set all gradients, those of the penalty included, and return dL/dx."""
        criterion: MLPLoss = self.criterion
        total = criterion.total() if grad is None else 1.0
        found = super().backward(grad)
        if criterion.penalty is not None and grad is None:
            criterion.penalty.add_gradients(total)
        return found

    def set_gradients(self) -> None:
        """Set all gradients, and leave out dL/dx: a third of the products of a shallow network."""
        criterion: MLPLoss = self.criterion
        total, grad = criterion.total(), criterion.backward()
        for layer in reversed(self.layers[1:]):
            grad = layer.backward(grad)
        self.linear[0].set_gradients(grad)
        if criterion.penalty is not None:
            criterion.penalty.add_gradients(total)

    def arrays(self) -> tuple[list[Array], list[Array]]:
        """Return the weights and the biases of the linear layers."""
        linear = self.linear
        return [layer.weights.value for layer in linear], [bias_of(layer).value for layer in linear]

    def holds(self, coefs: Sequence[Array], intercepts: Sequence[Array]) -> bool:
        """Return whether these arrays are the network's, and not others with their numbers."""
        own = self.linear
        return (
            len(own) == len(coefs)
            and all(layer.weights.value is w for layer, w in zip(own, coefs, strict=True))
            and all(bias_of(layer).value is b for layer, b in zip(own, intercepts, strict=True))
        )

    def assign(self, coefs: Sequence[Array], intercepts: Sequence[Array]) -> None:
        """Let the linear layers have other weights and biases."""
        for layer, w, b in zip(self.linear, coefs, intercepts, strict=True):
            layer.weights.value, bias_of(layer).value = w, b


def bias_of(layer: Linear) -> Parameter:
    """Return the biases of a layer of an MLP, which has them."""
    if layer.bias is None:
        raise AssertionError("an MLP's layers have biases")
    return layer.bias


def initial_arrays(
    form: MLPForm, rng: np.random.RandomState, dtype: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Draw weights and biases from U(-k, k), k = sqrt(6 / (fan_in + fan_out)), logistic: sqrt(2 /).

    They are drawn in scikit-learn's order, so that a seed gives its initial weights.

    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation 16.
    """
    factor, coefs, intercepts = 2.0 if form.activation == "logistic" else 6.0, [], []
    for n_inp, n_out in pairwise(form.units):
        k = sqrt(factor / (n_inp + n_out))
        coefs.append(rng.uniform(-k, k, (n_inp, n_out)).astype(dtype, copy=False))
        intercepts.append(rng.uniform(-k, k, n_out).astype(dtype, copy=False))
    return coefs, intercepts
