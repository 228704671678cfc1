"""check_gradients: is backward the derivative of forward?"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from portanet.checks import is_float
from portanet.errors import GradientError
from portanet.layer import Layer
from portanet.loss import Loss
from portanet.random import Key
from portanet.typing import Array

_STEP = float(np.finfo(np.float64).eps) ** 0.2


def check_gradients(part: Any, x: Array, y: Array | None = None, *, rtol: float = 1e-7) -> float:
    """Compare every gradient of a layer, a network or a loss with finite differences.

    Works on a copy, in float64 on NumPy: the part may lie anywhere, x is a NumPy array. A layer is
    checked through L = sum(G * layer(x)) with a fixed random G; a loss through the (weighted) mean
    of loss(x, y). Each derivative is taken from four points,

        L'(v) = (8 (L(v+h) - L(v-h)) - (L(v+2h) - L(v-2h))) / 12 h + O(h⁴)

    with h = eps^(1/5) (1 + |v|),

    whose error of about eps^(4/5) = 3e-13 (1 + |L|) leaves room under rtol. Keep x away from kinks
    (a ReLU near 0): there is no derivative to compare with.

    Returns the largest error, relative to the largest gradient of its array.
    Raises GradientError, which names the array, the place and both values, if it exceeds rtol.

    >>> import portanet
    >>> check_gradients(portanet.Linear(3, 2), np.ones((4, 3))) < 1e-7
    True
    """
    part = deepcopy(part).to("numpy", dtype="float64")
    x = np.array(x, dtype=np.float64 if np.asarray(x).dtype.kind == "f" else None)
    L, gradients = _loss_problem(part, x, y) if isinstance(part, Loss) else _layer_problem(part, x)
    who = type(part).__name__
    return max([0.0, *(_compare(who, name, L, a, g, rtol) for name, a, g in gradients())])


def _layer_problem(layer: Layer, x: np.ndarray) -> tuple[Callable[[], float], Callable[[], Any]]:
    G = Key(0, "check_gradients").generator().uniform(0.5, 1.5, layer.forward(x).shape)

    def L() -> float:
        # a copy: the pass may draw a mask or update running statistics, each time from one state
        return float(np.sum(G * deepcopy(layer).forward(x, training=True)))

    def gradients() -> Any:
        once = deepcopy(layer)
        once.forward(x, training=True)
        grad_x = once.backward(G.copy())
        if is_float(x):
            yield "x", x, grad_x
        grads = once.named_parameters()
        for name, parameter in layer.named_parameters().items():
            parameter.value = np.array(parameter.value)  # it is nudged in place below
            yield name, parameter.value, grads[name].grad

    return L, gradients


def _loss_problem(
    loss: Loss, x: np.ndarray, y: Array | None
) -> tuple[Callable[[], float], Callable[[], Any]]:
    def L() -> float:
        losses, weights = loss.forward(x, y), loss.weight_of(y)
        return float(np.sum(losses) / (len(losses) if weights is None else np.sum(weights)))

    def gradients() -> Any:
        loss.forward(x, y, training=True)
        yield "y_hat", x, loss.backward()

    return L, gradients


def _compare(
    who: str, name: str, L: Callable[[], float], value: np.ndarray, grad: Any, rtol: float
) -> float:
    """Return the largest error of grad against finite differences in value."""
    if grad is None or np.shape(grad) != value.shape:
        raise GradientError(
            f"{who}: the gradient of {name} must have its shape {value.shape}, is "
            f"{None if grad is None else np.shape(grad)}; set it in backward()"
        )
    expected = np.empty_like(value)
    for i in np.ndindex(value.shape):
        expected[i] = _derivative(L, value, i)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    errors = np.abs(grad - expected) / scale
    if not np.max(errors, initial=0.0) <= rtol:
        worst = np.unravel_index(np.argmax(errors), errors.shape)
        raise GradientError(
            f"{who}: the gradient of {name}{list(map(int, worst))} is {grad[worst]:.9g} by "
            f"backward() and {expected[worst]:.9g} by finite differences, a relative error of "
            f"{errors[worst]:.1e} where {rtol:.0e} is allowed"
        )
    return float(np.max(errors, initial=0.0))


def _derivative(L: Callable[[], float], value: np.ndarray, i: tuple[int, ...]) -> float:
    centre = value[i]
    h = _STEP * (1 + abs(centre))
    at = []
    for k in (1, -1, 2, -2):
        value[i] = centre + k * h
        at.append(L())
    value[i] = centre
    return (8 * (at[0] - at[1]) - (at[2] - at[3])) / (12 * h)
