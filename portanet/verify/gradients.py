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
from portanet.verify.differences import derivative, settled_derivative, sides

Gradients = Iterator[tuple[str, np.ndarray, Any]]  # the name of an array, its values, its gradient
Terms = Callable[[], np.ndarray]  # the terms whose sum is L
Problem = tuple[Terms, Callable[[], Gradients]]  # L, and the gradients of L


class LargestError(float):
    """The largest relative error of some gradients; `kinks` names where there is no derivative."""

    kinks: tuple[str, ...] = ()


def check_gradients(
    part: Any, x: Array, y: Array | None = None, *, rtol: float = 1e-7
) -> LargestError:
    """Compare every gradient of a layer, a network or a loss with finite differences.

    Works on a copy, in float64 on NumPy: the part may be on any backend, x is a NumPy array. A
    layer is checked through L = sum(G * layer(x)) with a fixed random G; a loss, which needs y,
    through the (weighted) mean of loss(x, y). Each derivative is taken from four points,

        L'(v) = (8 (L(v+h) - L(v-h)) - (L(v+2h) - L(v-2h))) / 12 h + O(h⁴)

    with h = eps^(1/5) (1 + |v|). Where it differs from the gradient, it is taken again at smaller
    h until two of them agree, since a kink (of a ReLU, say) may be between the points. At a kink
    itself there is no derivative: there the gradient must be between the slopes of the two sides.

    Returns the largest error, relative to the largest gradient of its array: a float, whose
    attribute `kinks` has the names of the places at kinks.
    Raises GradientError, which names the array, the place and both values, if it exceeds rtol and
    the rounding error of the differences; ArgumentError if part is not a layer or a loss, or for a
    loss without y or a layer with y.

    >>> import portanet
    >>> check_gradients(portanet.Linear(3, 2), np.ones((4, 3))) < 1e-7
    True
    >>> check_gradients(portanet.ReLU(), np.asarray([[0.0, 1.0]])).kinks
    ('x[0, 0]',)
    """
    largest, kinks = 0.0, ()
    for _, error in gradient_errors(part, x, y, rtol=rtol):
        if isinstance(error, GradientError):
            raise error
        largest, kinks = max(largest, error), kinks + error.kinks
    found = LargestError(largest)
    found.kinks = kinks
    return found


def gradient_errors(
    part: Any, x: Array, y: Array | None = None, *, rtol: float = 1e-7
) -> Iterator[tuple[str, LargestError | GradientError]]:
    """Yield for each gradient its name, and its error or what is wrong with it.

    >>> import portanet
    >>> [name for name, _ in gradient_errors(portanet.Linear(3, 2), np.ones((4, 3)))]
    ['x', 'weights', 'bias']
    """
    _check_arguments(part, y)
    part = deepcopy(part).to("numpy", dtype="float64")
    x = np.array(x, dtype=np.float64 if np.asarray(x).dtype.kind == "f" else None)
    L, gradients = _loss_problem(part, x, y) if isinstance(part, Loss) else _layer_problem(part, x)
    for name, value, grad in gradients():
        kinks: list[str] = []
        try:
            error = LargestError(_compare(type(part).__name__, name, L, value, grad, rtol, kinks))
            error.kinks = tuple(kinks)
        except GradientError as wrong:
            error = wrong
        yield name, error


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

    def L() -> np.ndarray:
        # a copy: forward may draw a mask or update running statistics, each time from one state
        return G * deepcopy(layer).forward(x, training=True)

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

    def L() -> np.ndarray:
        losses, weights = loss.forward(y_hat, y), loss.weight_of(y)
        return losses / (len(losses) if weights is None else np.sum(weights))

    def gradients() -> Gradients:
        loss.forward(y_hat, y, training=True)
        yield "y_hat", y_hat, loss.backward()

    return L, gradients


def _compare(
    who: str, name: str, L: Terms, value: np.ndarray, grad: Any, rtol: float, kinks: list[str]
) -> float:
    """Return the largest error of grad against finite differences in value; note its kinks."""
    _check_shape(who, name, value, grad)
    expected = np.empty_like(value)
    with np.errstate(invalid="ignore"):
        for i in np.ndindex(value.shape):
            expected[i], _ = derivative(L, value, i)
    scale = float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))) or 1.0
    errors = np.asarray(np.abs(grad - expected) / scale)
    for i in map(tuple, np.argwhere(~(errors <= rtol))):
        place = f"{name}{list(map(int, i))}"
        what = f"{who}: the gradient of {place} is {grad[i]:.9g} by backward()"
        error = _error_at(what, L, value, i, grad[i], scale, rtol)
        errors[i] = error or 0.0
        kinks += [place] if error is None else []
    return float(np.max(errors, initial=0.0))


def _error_at(
    what: str, L: Terms, value: np.ndarray, i: tuple[int, ...], got: float, scale: float,
    rtol: float,
) -> float | None:  # fmt: skip
    """Return the error at one place, by the steps that say most; None at a kink."""
    expected, bound = settled_derivative(L, value, i)
    error = max(abs(got - expected) - bound, 0.0) / scale  # in this order NaN stays
    if error <= rtol:
        return error
    slopes = sides(L, value, i)
    if np.isnan(expected):
        raise GradientError(
            f"{what}, and around this place forward() is not finite; take an x farther from the "
            "end of its range"
        )
    if slopes is None:
        raise GradientError(
            f"{what} and {expected:.9g} by finite differences, a relative error of {error:.1e} "
            f"where {rtol:.0e} is allowed"
        )
    if not slopes[0] <= got <= slopes[1]:
        raise GradientError(
            f"{what}, at a kink, where it must be between the slopes of the two sides, "
            f"{slopes[0]:.4g} and {slopes[1]:.4g}"
        )
    return None


def _check_shape(who: str, name: str, value: np.ndarray, grad: Any) -> None:
    if grad is None or np.shape(grad) != value.shape:
        raise GradientError(
            f"{who}: the gradient of {name} must have its shape {value.shape}, is "
            f"{None if grad is None else np.shape(grad)}; set it in backward()"
        )
