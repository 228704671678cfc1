"""Activations and dropout: extremes, the error function, masks."""

from copy import deepcopy
from math import erf as math_erf
from math import erfc, inf, nan, sqrt

import numpy as np
import pytest

import portanet
from portanet import (
    ELU,
    GELU,
    SELU,
    Dropout,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from portanet.errors import ArgumentError, DtypeError, ShapeError
from portanet.layers import erf

# y at -inf, -1e4, 1e4 and inf, and dy/dx there; every layer gives NaN for NaN
LIMITS = [
    (ReLU, (0, 0, 1e4, inf), (0, 0, 1, 1)),
    (lambda: LeakyReLU(0.5), (-inf, -5e3, 1e4, inf), (0.5, 0.5, 1, 1)),
    (PReLU, (-inf, -2.5e3, 1e4, inf), (0.25, 0.25, 1, 1)),
    (lambda: ELU(0.5), (-0.5, -0.5, 1e4, inf), (0, 0, 1, 1)),
    (
        SELU,
        (-1.7580993408473766, -1.7580993408473766, 10507.009873554805, inf),
        (0, 0, 1.0507009873554805, 1.0507009873554805),
    ),
    (Sigmoid, (0, 0, 1, 1), (0, 0, 0, 0)),
    (Tanh, (-1, -1, 1, 1), (0, 0, 0, 0)),
    (Softplus, (0, 0, 1e4, inf), (0, 0, 1, 1)),
    (lambda: Softplus(1e6), (0, 0, 1e4, inf), (0, 0, 1, 1)),
    (HardSigmoid, (0, 0, 1, 1), (0, 0, 0, 0)),
    *((gated, (0, 0, 1e4, inf), (0, 0, 1, 1)) for gated in (
        HardSwish, GELU, lambda: GELU(approximate="tanh"), SiLU, Mish)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "values", "slopes"), LIMITS, ids=lambda v: getattr(v, "__name__", "")
)
def test_extremes(make, values, slopes, backend, dtypes):
    for dtype in dtypes:
        layer = make().to(backend.name, device=backend.device, dtype=dtype)
        x = backend.asarray(np.array([-inf, -1e4, 1e4, inf, nan]), dtype)
        y = backend.to_numpy(layer.forward(x, training=True))
        rtol = 4 * np.finfo(dtype).eps
        np.testing.assert_allclose(y[:4], values, rtol=rtol, atol=np.finfo(dtype).tiny)
        assert np.isnan(y[4])
        slope = backend.to_numpy(layer.backward(backend.asarray(np.ones(5), dtype)))[:4]
        np.testing.assert_allclose(slope, slopes, rtol=rtol, atol=np.finfo(dtype).tiny)


@pytest.mark.parametrize("make", [make for make, *_ in LIMITS])
def test_the_smallest_and_the_largest_numbers_do_no_harm(make, backend, dtypes):
    for dtype in dtypes:
        info = np.finfo(dtype)
        layer = make().to(backend.name, device=backend.device, dtype=dtype)
        x = np.array([0.0, -0.0, info.smallest_subnormal, -info.tiny, info.max / 2, -info.max])
        y = backend.to_numpy(layer.forward(backend.asarray(x, dtype), training=True))
        slope = backend.to_numpy(layer.backward(backend.asarray(np.ones(6), dtype)))
        assert np.isfinite(slope).all()
        assert np.isfinite(y).all()


@pytest.mark.parametrize("beta", [1e-6, 0.5, 1e6])
def test_softplus_has_full_precision(beta):
    """Beside log1p(exp(b x)) / b in long doubles, which neither overflows nor underflows here."""
    x = np.linspace(-30, 30, 101) / beta
    wanted = np.asarray([float(np.log1p(np.exp(np.longdouble(beta * v)))) / beta for v in x])
    np.testing.assert_allclose(Softplus(beta).to(dtype="float64")(x), wanted, rtol=1e-14)


POINTS = np.concatenate([np.linspace(-6.5, 6.5, 5001), 10.0 ** np.linspace(-30, 0, 2001)])


def test_erf_is_good_to_two_ulps(backend, dtypes, record_property):
    """The C library's erf, the oracle, is itself off by 1 ulp of float64."""
    for dtype in dtypes:
        x = POINTS.astype(dtype)
        exact = np.array([math_erf(float(v)) for v in x])
        limit = 3 if dtype == "float64" else 2
        for function in (erf.plain, erf):
            y = backend.to_numpy(function(backend.asarray(x)))
            assert y.dtype == dtype
            error = np.abs(y.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(dtype))
            kind = "plain" if function is erf.plain else "as called"
            record_property("figure", f"erf, {kind}, {dtype}, {backend}: {error.max():.2f} ulps")
            assert error.max() <= (limit if function is erf.plain else 4)


def test_erf_at_the_ends(backend, dtypes):
    for dtype in dtypes:
        info = np.finfo(dtype)
        tiny = np.array([info.smallest_subnormal, -info.tiny / 3], dtype)
        x = np.array([-inf, inf, nan, 0.0, -0.0, info.max, -info.max, *tiny], dtype)
        for function in (erf.plain, erf):
            y = backend.to_numpy(function(backend.asarray(x)))
            np.testing.assert_array_equal(y[:7], np.array([-1, 1, nan, 0, 0, 1, -1], dtype))
            exact = 1.1283791670955126 * tiny.astype(np.float64)
            # a compiler such as XLA may take what is below the smallest normal number as 0
            assert ((y[7:] == 0) | (np.abs(y[7:] - exact) <= info.smallest_subnormal)).all()


def test_gelu_is_good_to_some_ulps_of_x(backend, dtypes):
    """Absolutely, not relative to y: far below 0 only the leading digits of y are there."""
    for dtype in dtypes:
        x = np.linspace(-12, 12, 4001).astype(dtype)
        exact = np.array([v * 0.5 * erfc(-v / sqrt(2)) for v in x.astype(float)])
        y = backend.to_numpy(GELU()(backend.asarray(x)))
        error = np.abs(y - exact) / np.maximum(np.abs(x), 1) / np.finfo(dtype).eps
        assert error.max() <= 3


@pytest.mark.parametrize("make", [Softmax, LogSoftmax])
def test_softmax_of_extremes(make, backend, dtypes):
    for dtype in dtypes:
        x = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [-inf, 0, 0], [-inf, -inf, -1e4]])
        layer = make()
        y = backend.to_numpy(layer.forward(backend.asarray(x, dtype), training=True))
        expected = np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0, 0.5, 0.5], [0, 0, 1]])
        p = np.exp(y) if make is LogSoftmax else y
        np.testing.assert_allclose(p, expected, rtol=4 * np.finfo(dtype).eps)
        if make is LogSoftmax:
            np.testing.assert_array_equal(y[0], [0, -2e4, -1e4])
        grad = np.array([[1.0, 2, 3]] * 4)
        grad_x = backend.to_numpy(layer.backward(backend.asarray(grad, dtype)))
        sums = grad.sum(axis=1, keepdims=True)
        along = (grad * expected).sum(axis=1, keepdims=True)
        exact = expected * (grad - along) if make is Softmax else grad - expected * sums
        np.testing.assert_allclose(grad_x, exact, atol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("make", [Softmax, LogSoftmax])
@pytest.mark.parametrize("row", [[-inf, -inf], [inf, 0.0], [nan, 0.0]])
def test_softmax_of_a_row_that_says_nothing_is_nan(make, row):
    with np.errstate(invalid="ignore"):
        y = make()(np.array([row, [0.0, 0.0]]))
    assert np.isnan(y[0]).all()
    assert np.isfinite(y[1]).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: Softplus(0),
            ArgumentError,
            r"Softplus: beta must be a number in \[1e-06, 1e\+06\], is 0",
        ),
        (
            lambda: LeakyReLU(0),
            ArgumentError,
            r"LeakyReLU: slope must be a number in \(0, 1\], is 0",
        ),
        (lambda: LeakyReLU(2), ArgumentError, "LeakyReLU: slope"),
        (lambda: ELU(-1), ArgumentError, r"ELU: alpha must be a number in \(0, "),
        (lambda: PReLU(0), ArgumentError, "PReLU: channels must be an integer >= 1, is 0"),
        (
            lambda: PReLU(3)(np.ones((2, 4), np.float32)),
            ShapeError,
            r"PReLU\(channels=3\): x must be \(N, 3, \.\.\.\), is \(2, 4\)",
        ),
        (lambda: PReLU(3)(np.ones(3, np.float32)), ShapeError, r"must be \(N, 3, \.\.\.\)"),
        (lambda: PReLU()(np.float32(1)), ShapeError, r"must be \(N, \.\.\.\), is a single number"),
        (lambda: PReLU()(np.ones((2, 4))), DtypeError, "x must be float32, as the slopes"),
        (lambda: GELU(approximate="erf"), ArgumentError, "must be 'none' or 'tanh', is 'erf'"),
        (lambda: Softmax(axis=1.0), ArgumentError, "Softmax: axis must be an integer, is 1.0"),
        (lambda: Softmax(axis=2)(np.ones((2, 4))), ShapeError, r"Softmax\(axis=2\): x must have"),
        (lambda: LogSoftmax()(np.ones((2, 0))), ShapeError, r"LogSoftmax\(\): x must have"),
        (lambda: Dropout(1), ArgumentError, r"Dropout: p must be a number in \[0, 1\), is 1"),
        (lambda: Dropout(-0.1), ArgumentError, "Dropout: p must be a number in"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()


def dropped(layer, x, place, dtype="float32"):
    """Return, on the host, which numbers a training forward at a place drops."""
    y = layer.forward(place.asarray(x, dtype), training=True)
    return place.to_numpy(y) == 0


def test_dropout_drops_the_same_on_every_backend(backend, dtypes):
    x = np.ones((8, 33))
    expected = [dropped(layer, x, portanet.backends.get("numpy")) for layer in [Dropout(0.4)] * 3]
    assert not np.array_equal(expected[0], expected[1])
    assert not np.array_equal(expected[1], expected[2])
    for dtype in dtypes:
        portanet.seed(0)
        layer = Dropout(0.4)
        for mask in expected:
            assert np.array_equal(dropped(layer, x, backend, dtype), mask)


def test_dropout_drops_p_and_keeps_the_mean():
    n, p = 200_000, 0.3
    y = Dropout(p).forward(np.ones(n), training=True)
    assert set(np.unique(y)) == {0.0, 1 / (1 - p)}
    five_sigma = 5 * sqrt(p * (1 - p) / n)
    assert abs(np.mean(y == 0) - p) < five_sigma
    assert abs(np.mean(y) - 1) < five_sigma / (1 - p)


def test_dropout_is_the_identity_unless_training():
    x, layer = np.ones(5), Dropout(0.9)
    assert layer.forward(x) is x
    assert layer.step == 0
    np.testing.assert_array_equal(Dropout(0).forward(x, training=True), x)


def test_dropout_layers_drop_differently_and_seeds_repeat():
    x, numpy = np.ones(64), portanet.backends.get("numpy")
    first, second = Dropout(), Dropout()
    a, b = dropped(first, x, numpy), dropped(second, x, numpy)
    assert not np.array_equal(a, b)
    portanet.seed(0)
    assert np.array_equal(dropped(Dropout(), x, numpy), a)
    portanet.seed(1)
    assert not np.array_equal(dropped(Dropout(), x, numpy), a)


def test_a_copy_of_dropout_goes_on_as_the_original():
    x, numpy, layer = np.ones(64), portanet.backends.get("numpy"), Dropout()
    dropped(layer, x, numpy)
    copy = deepcopy(layer)
    assert np.array_equal(dropped(copy, x, numpy), dropped(layer, x, numpy))
    resumed = deepcopy(layer)
    resumed.step = 1
    layer.step = 1
    assert np.array_equal(dropped(resumed, x, numpy), dropped(layer, x, numpy))


def test_a_dropped_inf_is_gone(backend):
    layer, x = Dropout(0.5), np.full(32, inf)
    y = backend.to_numpy(layer.forward(backend.asarray(x, "float32"), training=True))
    assert set(y) == {0.0, inf}
    grad = backend.to_numpy(layer.backward(backend.asarray(np.ones(32), "float32")))
    np.testing.assert_array_equal(grad, np.where(y == 0, 0, 2))
