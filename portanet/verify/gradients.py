"""check_gradients: is backward the derivative of forward?"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np

from portanet.backends import get
from portanet.checks import is_float, short
from portanet.errors import ArgumentError, GradientError
from portanet.layer import Layer
from portanet.loss import Loss
from portanet.random import Key
from portanet.typing import Array
from portanet.verify.differences import derivative, settled_derivative

Gradients = Iterator[tuple[str, np.ndarray, Any]]  # the name of an array, its values, its gradient
Problem = tuple[Callable[[], float], Callable[[], Gradients]]  # L, and the gradients of L


def check_gradients(part: Any, x: Array, y: Array | None = None, *, rtol: float = 1e-7) -> float:
    """Compare every gradient of a layer, a network or a loss with finite differences.

    Works on a copy, in float64 on NumPy: the part may be on any backend, x is a NumPy array. A
    layer is checked through L = sum(G * layer(x)) with a fixed random G; a loss, which needs y,
    through the (weighted) mean of loss(x, y). Each derivative is taken from four points,

        L'(v) = (8 (L(v+h) - L(v-h)) - (L(v+2h) - L(v-2h))) / 12 h + O(h⁴)

    with h = eps^(1/5) (1 + |v|). Where it differs from the gradient, it is taken again at smaller
    h until two of them agree, since a kink (of a ReLU, say) may be between the points. An x at a
    kink itself has no derivative: move it away.

    Returns the largest error, relative to the largest gradient of its array.
    Raises GradientError, which names the array, the place and both values, if it exceeds rtol and
    the rounding error of the differences; ArgumentError if part is not a layer or a loss, or for a
    loss without y or a layer with y.

    >>> import portanet
    >>> check_gradients(portanet.Linear(3, 2), np.ones((4, 3))) < 1e-7
    True
    """
    _check_arguments(part, y)
    part = deepcopy(part).to("numpy", dtype="float64")
    x = np.array(x, dtype=np.float64 if np.asarray(x).dtype.kind == "f" else None)
    L, gradients = _loss_problem(part, x, y) if isinstance(part, Loss) else _layer_problem(part, x)
    who = type(part).__name__
    return max([0.0, *(_compare(who, name, L, a, g, rtol) for name, a, g in gradients())])


def _check_arguments(part: Any, y: Any) -> None:
    if not isinstance(part, Layer | Loss):
        raise ArgumentError(f"check_gradients: part must be a layer or a loss, is {short(part)}")
    who = type(part).__name__
    if isinstance(part, Loss) and y is None:
        raise ArgumentError(
            f"check_gradients: {who} is a loss, which needs targets y; call "
            "check_gradients(loss, y_hat, y)"
        )
    if isinstance(part, Layer) and y is not None:
        raise ArgumentError(
            f"check_gradients: {who} is a layer, which has no targets y; check its loss with "
            "check_gradients(loss, y_hat, y)"
        )


def _layer_problem(layer: Layer, x: np.ndarray) -> Problem:
    G = Key(0, "check_gradients").generator().uniform(0.5, 1.5, layer.forward(x).shape)

    def L() -> float:
        # a copy: forward may draw a mask or update running statistics, each time from one state
        return float(np.sum(G * deepcopy(layer).forward(x, training=True)))

    def gradients() -> Gradients:
        once = deepcopy(layer)
        once.forward(x, training=True)
        grad_x = once.backward(G.copy())
        if is_float(x):
            yield "x", x, grad_x
        grads = once.named_parameters()
        for name, parameter in layer.named_parameters().items():
            parameter.value = np.array(parameter.value)  # it is changed in place below
            yield name, parameter.value, grads[name].grad

    return L, gradients


def _loss_problem(loss: Loss, y_hat: np.ndarray, y: Any) -> Problem:
    y = loss.cast_targets(get("numpy"), np.asarray(y), "float64")

    def L() -> float:
        losses, weights = loss.forward(y_hat, y), loss.weight_of(y)
        return float(np.sum(losses) / (len(losses) if weights is None else np.sum(weights)))

    def gradients() -> Gradients:
        loss.forward(y_hat, y, training=True)
        yield "y_hat", y_hat, loss.backward()

    return L, gradients


def _compare(
    who: str, name: str, L: Callable[[], float], value: np.ndarray, grad: Any, rtol: float
) -> float:
    """Return the largest error of grad against finite differences in value."""
    _check_shape(who, name, value, grad)
    expected = np.empty_like(value)
    for i in np.ndindex(value.shape):
        expected[i], _ = derivative(L, value, i)
    scale = float(np.max(np.abs(expected), initial=0.0)) or 1.0
    errors = np.asarray(np.abs(grad - expected) / scale)
    for i in map(tuple, np.argwhere(~(errors <= rtol))):
        expected[i], bound = settled_derivative(L, value, i)
        errors[i] = max(abs(grad[i] - expected[i]) - bound, 0.0) / scale  # in this order NaN stays
        if not errors[i] <= rtol:
            raise GradientError(
                f"{who}: the gradient of {name}{list(map(int, i))} is {grad[i]:.9g} by backward() "
                f"and {expected[i]:.9g} by finite differences, a relative error of "
                f"{errors[i]:.1e} where {rtol:.0e} is allowed"
            )
    return float(np.max(errors, initial=0.0))


def _check_shape(who: str, name: str, value: np.ndarray, grad: Any) -> None:
    if grad is None or np.shape(grad) != value.shape:
        raise GradientError(
            f"{who}: the gradient of {name} must have its shape {value.shape}, is "
            f"{None if grad is None else np.shape(grad)}; set it in backward()"
        )
