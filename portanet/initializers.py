"""Initializers of weights. All draw on the host, in float64, and round to float32.

An initializer is a function of (shape, rng); set its options with functools.partial:

    Linear(784, 100, weights=he_normal)
    Linear(784, 100, weights=partial(normal, std=0.02))

They differ in what they keep constant from layer to layer: the variance of the outputs (lecun, and
he for ReLUs, which halve it), or a compromise with the variance of the gradients (glorot).
"""

from collections.abc import Callable
from math import prod, sqrt

import numpy as np

from portanet.checks import check_number
from portanet.fans import fans as fans
from portanet.random import next_key
from portanet.typing import Array, Rng
from portanet.unfilled import initializer

Initializer = Callable[[tuple[int, ...], Rng | None], Array]


@initializer
def fan_in_uniform(shape: tuple[int, ...], rng: Rng | None = None) -> Array:
    """Draw from U(-k, k) with k = 1 / sqrt(fan_in), the blog's choice and PyTorch's.

    The variance of a sum of fan_in such products is var(x) / 3, for any width of the layer.

    >>> float(abs(fan_in_uniform((4, 1000))).max()) <= 0.5
    True
    """
    return uniform(shape, rng, high=1 / sqrt(fans(shape)[0]))


@initializer
def glorot_uniform(shape: tuple[int, ...], rng: Rng | None = None) -> Array:
    """Draw from U(-k, k) with k = sqrt(6 / (fan_in + fan_out)): for tanh and other odd functions.

    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation 16.
    """
    return uniform(shape, rng, high=sqrt(6 / sum(fans(shape))))


@initializer
def glorot_normal(shape: tuple[int, ...], rng: Rng | None = None) -> Array:
    """Draw from a normal distribution with variance 2 / (fan_in + fan_out) (equation 12)."""
    return normal(shape, rng, std=sqrt(2 / sum(fans(shape))))


@initializer
def he_uniform(shape: tuple[int, ...], rng: Rng | None = None) -> Array:
    """Draw from U(-k, k) with k = sqrt(6 / fan_in): for ReLU and its variants."""
    return uniform(shape, rng, high=sqrt(6 / fans(shape)[0]))


@initializer
def he_normal(shape: tuple[int, ...], rng: Rng | None = None) -> Array:
    """Draw from a normal distribution with variance 2 / fan_in: for ReLU and its variants.

    Source: He, Zhang, Ren & Sun, "Delving deep into rectifiers", 2015, equation 10. Keras
    truncates this distribution, and lecun_normal's and glorot_normal's, at two standard deviations;
    the paper, PyTorch and portanet do not.
    """
    return normal(shape, rng, std=sqrt(2 / fans(shape)[0]))


@initializer
def lecun_uniform(shape: tuple[int, ...], rng: Rng | None = None) -> Array:
    """Draw from U(-k, k) with k = sqrt(3 / fan_in): for SELU and linear units."""
    return uniform(shape, rng, high=sqrt(3 / fans(shape)[0]))


@initializer
def lecun_normal(shape: tuple[int, ...], rng: Rng | None = None) -> Array:
    """Draw from a normal distribution with variance 1 / fan_in: for SELU and linear units.

    Source: LeCun, Bottou, Orr & Müller, "Efficient BackProp", 1998, section 4.6.
    """
    return normal(shape, rng, std=sqrt(1 / fans(shape)[0]))


@initializer
def orthogonal(shape: tuple[int, ...], rng: Rng | None = None, *, gain: float = 1.0) -> Array:
    """Draw a matrix whose rows or columns, whichever are fewer, are orthogonal, of length `gain`.

    Kernels are reshaped to matrices (n_out, the rest). Q of a normal matrix's Q R, with a positive
    diagonal of R, is uniform among the orthogonal matrices.

    Source: Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", 2014; Mezzadri, "How to generate random matrices from the
    classical compact groups", 2007, for the signs.

    >>> w = orthogonal((2, 5), gain=2.0)
    >>> bool(abs(w @ w.T - 4 * np.eye(2)).max() < 1e-6)
    True
    """
    fans(shape)  # raises for vectors
    rows, columns = shape[0], prod(shape[1:])
    tall = stream(rng).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return _float32(gain * (q.T if rows < columns else q)).reshape(shape)


@initializer
def normal(
    shape: tuple[int, ...], rng: Rng | None = None, *, mean: float = 0.0, std: float = 1.0
) -> Array:
    """Draw from the normal distribution.

    >>> normal((2, 3), std=0.02).shape
    (2, 3)
    """
    check_number("normal", "std", std, 0, float("inf"))
    return _float32(mean + std * stream(rng).standard_normal(shape))


@initializer
def truncated_normal(
    shape: tuple[int, ...],
    rng: Rng | None = None,
    *,
    mean: float = 0.0,
    std: float = 1.0,
    cut: float = 2.0,
) -> Array:
    """Draw from the normal distribution, redrawing numbers beyond cut * std from the mean.

    std is that of the full distribution; that of the result is 0.88 std for cut = 2.

    >>> w = truncated_normal((1000,), std=0.5)
    >>> bool(abs(w).max() <= 1.0)
    True
    """
    check_number("truncated_normal", "std", std, 0, float("inf"))
    check_number("truncated_normal", "cut", cut, 0, float("inf"), open_low=True)
    rng = stream(rng)
    x = rng.standard_normal(shape)
    while (beyond := np.abs(x) > cut).any():
        x[beyond] = rng.standard_normal(int(beyond.sum()))
    return _float32(mean + std * x)


@initializer
def uniform(
    shape: tuple[int, ...], rng: Rng | None = None, *, high: float = 1.0, low: float | None = None
) -> Array:
    """Draw from U(low, high); low is -high unless given.

    >>> bool((uniform((100,), low=0.5) >= 0.5).all())
    True
    """
    return _float32(stream(rng).uniform(-high if low is None else low, high, shape))


@initializer
def constant(shape: tuple[int, ...], rng: Rng | None = None, *, value: float) -> Array:  # noqa: ARG001
    """Return one value everywhere, as for the bias of a gate.

    >>> constant((2,), value=0.5)
    array([0.5, 0.5], dtype=float32)
    """
    return np.full(shape, value, np.float32)


@initializer
def zeros(shape: tuple[int, ...], rng: Rng | None = None) -> Array:  # noqa: ARG001
    """Return zeros, as for a bias.

    >>> zeros((2,))
    array([0., 0.], dtype=float32)
    """
    return np.zeros(shape, np.float32)


def stream(rng: Rng | None) -> Rng:
    """Return rng, or if it is None the next stream of `portanet.seed`."""
    return next_key("weights").generator() if rng is None else rng


def _float32(x: Array) -> Array:
    return np.ascontiguousarray(x, np.float32)
