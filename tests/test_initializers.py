"""Initializers: their distributions, their fans, and that chance is the host's."""

from functools import partial
from math import sqrt

import numpy as np
import pytest
from scipy import stats

import portanet
from portanet import Linear, initializers
from portanet.errors import ArgumentError, ShapeError
from portanet.initializers import (
    constant,
    fan_in_uniform,
    fans,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    orthogonal,
    truncated_normal,
    uniform,
    zeros,
)

# shape -> (fan_in, fan_out), counted by hand
FANS = {
    (30, 20): (30, 20),
    (1, 5): (1, 5),
    (8, 4, 3): (12, 24),
    (8, 4, 3, 5): (60, 120),
    (8, 1, 3, 3): (9, 72),
}

# name -> the distribution that numbers of fans (n_inp, n_out) come from
EXPECTED = {
    fan_in_uniform: lambda i, o: stats.uniform(-1 / sqrt(i), 2 / sqrt(i)),
    glorot_uniform: lambda i, o: stats.uniform(-sqrt(6 / (i + o)), 2 * sqrt(6 / (i + o))),
    glorot_normal: lambda i, o: stats.norm(scale=sqrt(2 / (i + o))),
    he_uniform: lambda i, o: stats.uniform(-sqrt(6 / i), 2 * sqrt(6 / i)),
    he_normal: lambda i, o: stats.norm(scale=sqrt(2 / i)),
    lecun_uniform: lambda i, o: stats.uniform(-sqrt(3 / i), 2 * sqrt(3 / i)),
    lecun_normal: lambda i, o: stats.norm(scale=sqrt(1 / i)),
    normal: lambda i, o: stats.norm(),
    truncated_normal: lambda i, o: stats.truncnorm(-2, 2),
    uniform: lambda i, o: stats.uniform(-1, 2),
    partial(normal, mean=1.0, std=0.02): lambda i, o: stats.norm(1.0, 0.02),
    partial(truncated_normal, mean=1.0, std=0.5, cut=1.0): lambda i, o: stats.truncnorm(-1, 1, 1.0, 0.5),
    partial(uniform, low=0.25, high=0.75): lambda i, o: stats.uniform(0.25, 0.5),
}  # fmt: skip


def name_of(value):
    return (
        f"{name_of(value.func)} {value.keywords}" if isinstance(value, partial) else value.__name__
    )


@pytest.mark.parametrize("shape", FANS)
def test_fans_are_those_counted_by_hand(shape):
    assert fans(shape) == FANS[shape]


@pytest.mark.parametrize("shape", [s for s in FANS if len(s) > 2], ids=str)
def test_fans_of_kernels_are_pytorchs(shape):
    torch = pytest.importorskip("torch")
    assert fans(shape) == torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


@pytest.mark.parametrize("initializer", EXPECTED, ids=name_of)
@pytest.mark.parametrize("shape", [(80, 250), (40, 20, 5, 5)], ids=str)
def test_numbers_come_from_the_distribution(initializer, shape):
    """20,000 numbers; Kolmogorov and Smirnov would refuse a right one once in a thousand seeds."""
    x = initializer(shape, np.random.default_rng(5))
    assert x.shape == shape
    assert x.dtype == np.float32
    distribution = EXPECTED[initializer](*fans(shape))
    assert stats.kstest(x.ravel(), distribution.cdf).pvalue > 1e-3
    low, high = distribution.support()
    assert low - 1e-6 <= x.min() <= x.max() <= high + 1e-6


@pytest.mark.parametrize("initializer", [*EXPECTED, orthogonal], ids=name_of)
def test_draws_are_float64_of_the_host_rounded_once(initializer):
    """The same stream gives the same numbers; portanet.seed starts the streams anew."""
    one, two = (initializer((4, 6), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    portanet.seed(4)
    one, other = initializer((4, 6)), initializer((4, 6))
    portanet.seed(4)
    np.testing.assert_array_equal(one, initializer((4, 6)))
    assert (one != other).any()


def test_fan_in_uniform_is_the_blogs():
    rng, k = np.random.default_rng(3), 1 / sqrt(7)
    expected = rng.uniform(-k, k, (7, 5)).astype(np.float32)
    np.testing.assert_array_equal(fan_in_uniform((7, 5), np.random.default_rng(3)), expected)


@pytest.mark.parametrize("shape", [(6, 6), (3, 8), (8, 3), (4, 2, 3, 3), (30, 2, 3, 3)], ids=str)
def test_orthogonal_matrices_are(shape):
    w = orthogonal(shape, np.random.default_rng(1), gain=2.0).astype(np.float64)
    w = w.reshape(shape[0], -1) / 2
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=len(gram) * 2.0**-23)


def test_orthogonal_matrices_are_uniform():
    """Without the signs of R, LAPACK's Q of a 1 x 1 matrix would be -1 every time."""
    signs = [float(orthogonal((1, 1), np.random.default_rng(i))[0, 0]) for i in range(200)]
    assert set(signs) == {-1.0, 1.0}
    assert abs(sum(signs)) < 4 * sqrt(200)


def test_variance_is_kept_through_relus():
    """What he_normal is for: ten layers of 512 ReLUs keep the mean square of a normal input."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 512))
    for _ in range(10):
        x = np.maximum(x @ he_normal((512, 512), rng), 0)
    assert 0.5 < (x**2).mean() < 2


def test_constants():
    np.testing.assert_array_equal(zeros((2, 3)), np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(constant((2,), value=1.5), np.asarray([1.5, 1.5], np.float32))
    assert zeros((2,)).dtype == constant((2,), value=1).dtype == np.float32


def test_linear_takes_any():
    layer = Linear(30, 20, weights=he_normal, rng=np.random.default_rng(3))
    expected = he_normal((30, 20), np.random.default_rng(3))
    np.testing.assert_array_equal(layer.weights.value, expected)
    layer = Linear(3, 2, weights=partial(constant, value=0.5))
    np.testing.assert_array_equal(layer.weights.value, np.full((3, 2), 0.5, np.float32))


MISTAKES = {
    "fans of a vector": (lambda: he_normal((3,)), ShapeError, r"fans: shape must be .* is \(3,\)"),
    "an orthogonal vector": (lambda: orthogonal((3,)), ShapeError, r"fans: shape must be"),
    "a negative std": (lambda: normal((3,), std=-1.0), ArgumentError, r"normal: std must be a number"),
    "nothing left": (lambda: truncated_normal((3,), cut=0.0), ArgumentError, r"cut must be a number in \(0"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name):
    make, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        make()


def test_all_of_them_are_tested():
    known = {f.func if isinstance(f, partial) else f for f in EXPECTED} | {
        orthogonal,
        constant,
        zeros,
    }
    public = {
        f
        for n, f in vars(initializers).items()
        if callable(f) and getattr(f, "__module__", "") == initializers.__name__ and n[0] != "_"
    }
    assert public - known == {initializers.stream}
