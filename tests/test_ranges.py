"""Numbers near both ends of a dtype's range, equal numbers, and sums of very many.

A size is a share of the way to the largest or the smallest normal number of the dtype. Below that
one some devices know only 0: of numbers of the size "small" it is half a unit of the last place.
"""

import numpy as np
import pytest

import portanet
from portanet import (
    BatchNorm1d,
    Cosine,
    ExponentialMovingAverage,
    GroupNorm,
    LayerNorm,
    Linear,
    Normalizer,
    RMSNorm,
    Sequential,
)
from portanet.clipping import clip_by_norm
from portanet.metrics import r2
from portanet.optimizers.muon import orthogonalized

SIZES = {"large": lambda f: float(f.max) / 64, "above the root": lambda f: float(f.max) ** 0.6, "small": lambda f: 2 / float(f.eps) * float(f.smallest_normal)}  # fmt: skip
EACH_SIZE = pytest.mark.parametrize("size", SIZES)
N = 32  # numbers in a row


def rows(dtype, size=None, shape=(6, N), seed=0):
    """Return numbers of both signs in a dtype, and the same in float128 or what there is of it."""
    scale = 1.0 if size is None else SIZES[size](np.finfo(dtype))
    x = (np.random.default_rng(seed).uniform(-1, 1, shape) * scale).astype(dtype)
    return x, x.astype(np.longdouble)


def normal(x, axis, eps, *, centre=True):
    x = x - x.mean(axis, keepdims=True) if centre else x
    # scaled, as a longdouble has no wider range than a float64 on some machines
    largest = np.abs(x).max(axis, keepdims=True)
    unit = x / largest
    root = np.sqrt((unit**2).mean(axis, keepdims=True) + eps / largest / largest)
    return (unit / root).astype(np.float64)


LAYERS = {
    "LayerNorm": (lambda: LayerNorm(N), lambda x, f: normal(x, 1, 1e-5)),
    "GroupNorm": (lambda: GroupNorm(1, N), lambda x, f: normal(x, 1, 1e-5)),
    "RMSNorm": (lambda: RMSNorm(N), lambda x, f: normal(x, 1, float(f.eps), centre=False)),
    "BatchNorm1d": (lambda: BatchNorm1d(N), lambda x, f: normal(x, 0, 1e-5)),
}


@EACH_SIZE
@pytest.mark.parametrize("name", LAYERS)
def test_a_norm_is_right_wherever_its_result_can_be_written(name, size, backend, dtypes):
    """A mean of 32 numbers is off by at most 31/2 units of the last place, added one by one.

    The mean, and half of it for that of the squares, whose root is taken, are 23 units; quotient,
    root and products are the rest.
    """
    make, oracle = LAYERS[name]
    for dtype in dtypes:
        x, exact = rows(dtype, size)
        layer = make().to(backend.name, device=backend.device, dtype=dtype)
        with np.errstate(over="ignore"):  # the running variance of the largest has no number
            y = backend.to_numpy(layer.forward(backend.asarray(x), training=True))
        wanted = oracle(exact, np.finfo(dtype))
        assert np.abs(y - wanted).max() <= 28 * np.finfo(dtype).eps * np.abs(wanted).max()


@EACH_SIZE
@pytest.mark.parametrize("name", ["LayerNorm", "GroupNorm", "RMSNorm"])
def test_a_compiled_norm_is_right_there_too(name, size):
    make, oracle = LAYERS[name]
    x, exact = rows("float32", size)
    forward = portanet.compile_forward(Sequential([make()]))
    wanted = oracle(exact, np.finfo("float32"))
    for _ in range(2):  # as it is written, and replayed
        assert np.abs(forward(x) - wanted).max() <= 28 * 2**-23 * np.abs(wanted).max()
    assert forward.refused is None


@pytest.mark.parametrize("n", [3, 100, 1531])
@pytest.mark.parametrize("constant", [0.1, 1234.1, -99999.9, -303602446893056.0, 1e30, 1e-30])
def test_equal_numbers_are_normalized_to_0(n, constant, backend):
    """Exactly: a rounding error of their mean, divided by the root of eps, would be some number."""
    x = backend.asarray(np.full((4, n), constant, np.float32))
    for layer in (LayerNorm(n), GroupNorm(1, n), BatchNorm1d(n)):
        layer = layer.to(backend.name, device=backend.device)
        y = backend.to_numpy(layer.forward(x, training=True))
        np.testing.assert_array_equal(y, np.zeros((4, n)))


def test_an_offset_costs_no_digits_of_a_norm(backend):
    """x - mean is exact where the mean is: what is left are the errors of numbers of size 1."""
    x = (1e6 + np.random.default_rng(0).standard_normal((64, N))).astype(np.float32)
    layer = LayerNorm(N).to(backend.name, device=backend.device)
    y = backend.to_numpy(layer.forward(backend.asarray(x)))
    wanted = normal(x.astype(np.longdouble), 1, 1e-5)
    assert np.abs(y - wanted).max() <= 28 * 2**-23 * np.abs(wanted).max()


@EACH_SIZE
def test_the_cosine_loss_of_vectors_of_any_length(size, backend, dtypes):
    """Seven products are added twice for a length and once for the cosine: some 12 units of 1."""
    for dtype in dtypes:
        (a, b), exact = rows(dtype, None, (2, 5, 7))
        wanted = 1 - np.sum(exact[0] * exact[1], -1) / np.prod(np.linalg.norm(exact.astype(float), axis=-1), 0)  # fmt: skip
        scale = 2.0 ** round(np.log2(SIZES[size](np.finfo(dtype))))  # exact
        for s, t in ((scale, 1.0), (1.0, scale), (scale, scale)):
            vectors = (backend.asarray((v * f).astype(dtype)) for v, f in ((a, s), (b, t)))
            losses = backend.to_numpy(Cosine()(*vectors))
            assert np.abs(losses - wanted.astype(float)).max() <= 12 * np.finfo(dtype).eps


@EACH_SIZE
def test_what_does_not_depend_on_the_scale_does_not_change_with_it(size, backend, dtypes):
    """The scale is a power of two, so that only the ways in which numbers are rounded differ."""
    for dtype in dtypes:
        scale = 2.0 ** round(np.log2(SIZES[size](np.finfo(dtype))))
        eps = float(np.finfo(dtype).eps)

        def both(result, *arrays, scale=scale, dtype=dtype):
            """Return the result of arrays in [-1, 1], and of the same times the scale."""
            for factor in (1.0, scale):
                yield backend.to_numpy(result(*(backend.asarray((x * factor).astype(dtype)) for x in arrays)))  # fmt: skip

        x, y = (rows(dtype, None, (24, 3), seed)[0] for seed in (1, 2))
        one, other = both(r2, x, y)
        assert abs(one - other) <= 24 * eps * abs(one)  # sums of 24
        one, other = both(lambda x: Normalizer().fit(x).transform(x), x)
        np.testing.assert_allclose(other, one, rtol=0, atol=32 * eps)  # a mean of 24, and a root
        one, other = both(orthogonalized, x)
        np.testing.assert_allclose(other, one, rtol=0, atol=500 * eps)  # 3.4^5 at 0, five times
        if size != "small":  # a small gradient is not changed
            one, other = both(lambda x: clip_by_norm([x], 0.5)[0], x)
            np.testing.assert_allclose(other, one, rtol=4e-6)  # PyTorch's 1e-6 beside a norm of 1


def test_averaged_weights_stay_exact_over_many_updates():
    """Without the sum's rest the mean of a long run stands still 5000 units before the value."""
    layer = Linear(1, 1)
    layer.bias.value = np.zeros(1, np.float32)
    ema = ExponentialMovingAverage(layer, 0.9999)
    layer.bias.value = np.ones(1, np.float32)
    for _ in range(50_000):
        ema.update()
    with ema.weights():
        assert abs(float(layer.bias.value[0]) - (1 - 0.9999**50_000)) <= 2 * 2**-24


def test_averaged_weights_go_on_bit_for_bit():
    layer, values = Linear(2, 2), np.random.default_rng(0).standard_normal((20, 2, 2))
    ema = ExponentialMovingAverage(layer, 0.9)
    other = ExponentialMovingAverage(layer, 0.5)
    for i, value in enumerate(values.astype(np.float32)):
        layer.weights.value = value
        ema.update()
        if i == 9:
            other.load_state(ema.state())
        elif i > 9:
            other.update()
    theirs = ema.state().arrays
    for name, array in other.state().arrays.items():
        np.testing.assert_array_equal(array, theirs[name])
