"""Normalization: running statistics, single values, constants, large means."""

from copy import deepcopy

import numpy as np
import pytest
from agreement import assert_ulps

import portanet
from portanet import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
from portanet.errors import ArgumentError, DtypeError, ShapeError

F4 = np.float32


def batches(shape, n=3):
    rng = np.random.default_rng(3)
    return [rng.normal(2, 3, shape) for _ in range(n)]


def trained(layer, xs, place, dtype):
    """Return a copy of the layer after a training forward with each batch, at a place."""
    layer = deepcopy(layer).to(place.name, device=place.device, dtype=dtype)
    for x in xs:
        layer.forward(place.asarray(x, dtype), training=True)
    return layer


@pytest.mark.parametrize(
    ("make", "shape"),
    [(BatchNorm1d, (6, 3)), (BatchNorm1d, (2, 3, 4)), (BatchNorm2d, (2, 3, 4, 2))],
)
def test_running_statistics_and_evaluation_are_pytorchs(make, shape):
    torch = pytest.importorskip("torch", reason="the oracle PyTorch is not installed")
    layer = trained(
        make(3, momentum=0.2), batches(shape), portanet.backends.get("numpy"), "float64"
    )
    oracle = getattr(torch.nn, make.__name__)(3, momentum=0.2, dtype=torch.float64)
    for x in batches(shape):
        oracle(torch.tensor(x))
    np.testing.assert_allclose(layer.running_mean.value, oracle.running_mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_variance.value, oracle.running_var, rtol=1e-12)
    x = batches(shape)[0]
    expected = oracle.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-10)


@pytest.mark.parametrize(("make", "shape"), [(BatchNorm1d, (6, 3)), (BatchNorm2d, (2, 3, 4, 2))])
def test_running_statistics_are_the_same_on_every_backend(make, shape, backend, dtypes):
    xs = batches(shape)
    expected = trained(make(3), xs, portanet.backends.get("numpy"), "float64")
    for dtype in dtypes:
        layer = trained(make(3), xs, backend, dtype)
        for name, buffer in layer.named_buffers().items():
            assert portanet.backend_of(buffer.value) is backend
            value = backend.to_numpy(buffer.value)
            assert value.dtype == dtype
            assert_ulps(name, value, expected.named_buffers()[name].value, dtype, 8)
        y = backend.to_numpy(layer.forward(backend.asarray(xs[0], dtype)))
        assert_ulps("evaluation", y, expected.forward(xs[0]), dtype, 16)


def test_evaluation_moves_no_statistics_and_takes_a_single_value():
    layer = trained(BatchNorm1d(3), batches((6, 3)), portanet.backends.get("numpy"), "float32")
    before = {name: b.value.copy() for name, b in layer.named_buffers().items()}
    assert layer.forward(np.ones((1, 3), F4)).shape == (1, 3)
    for name, buffer in layer.named_buffers().items():
        np.testing.assert_array_equal(buffer.value, before[name])


def test_a_batch_of_none_moves_no_statistics(backend):
    layer = trained(BatchNorm1d(3), [np.empty((0, 3))], backend, "float32")
    np.testing.assert_array_equal(backend.to_numpy(layer.running_mean.value), np.zeros(3))
    np.testing.assert_array_equal(backend.to_numpy(layer.running_variance.value), np.ones(3))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (BatchNorm1d(3), (4, 3)),
        (BatchNorm2d(3), (2, 3, 2, 2)),
        (LayerNorm(3), (4, 3)),
        (RMSNorm(3), (4, 3)),
        (GroupNorm(3, 3), (4, 3, 2)),
        (GroupNorm(3, 3), (4, 3)),  # one value a group
    ],
    ids=repr,
)
@pytest.mark.parametrize("constant", [0.0, 1e4])
def test_constants_have_finite_outputs_and_gradients(layer, shape, constant, backend):
    layer = deepcopy(layer).to(backend.name, device=backend.device)
    x = backend.asarray(np.full(shape, constant), "float32")
    y = backend.to_numpy(layer.forward(x, training=True))
    expected = constant != 0 if isinstance(layer, RMSNorm) else 0
    np.testing.assert_allclose(y, np.full(shape, expected), atol=1e-6)
    grad = np.random.default_rng(0).uniform(-1, 1, shape)
    grad_x = backend.to_numpy(layer.backward(backend.asarray(grad, "float32")))
    assert np.isfinite(grad_x).all()
    assert all(np.isfinite(backend.to_numpy(p.grad)).all() for p in layer.parameters())


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (BatchNorm1d(4), (256, 4), 0),
        (LayerNorm(256), (4, 256), 1),
        (GroupNorm(1, 4), (4, 4, 64), (1, 2)),
    ],
    ids=repr,
)
def test_a_large_mean_costs_its_own_digits_only(layer, shape, axes, backend):
    """x has a mean of 1e4 standard deviations; E[x²] - E[x]² would have no digit left.

    Each of the 256 additions behind a mean rounds it by up to half a unit of float32's last place,
    and where a library adds one by one these add up as a random walk, to some sqrt(256) units.
    """
    x = (1e4 + np.random.default_rng(0).standard_normal(shape)).astype(F4)
    exact = x.astype(np.float64)
    exact = (exact - exact.mean(axes, keepdims=True)) / exact.std(axes, keepdims=True)
    layer = deepcopy(layer).to(backend.name, device=backend.device)
    y = backend.to_numpy(layer.forward(backend.asarray(x), training=True))
    assert np.abs(y - exact).max() <= 16 * np.spacing(F4(1e4))


CONSTANT_ROWS = {  # of 256 numbers, whose mean rounding puts beside them: eps magnifies that 316 times
    "LayerNorm": (lambda: LayerNorm(256), (2, 256)),
    "LayerNorm over two axes": (lambda: LayerNorm((16, 16)), (2, 16, 16)),
    "GroupNorm": (lambda: GroupNorm(1, 2), (1, 2, 128)),
    "BatchNorm1d": (lambda: BatchNorm1d(1), (256, 1)),
    "BatchNorm2d": (lambda: BatchNorm2d(1), (4, 1, 8, 8)),
}


@pytest.mark.parametrize("constant", [1234.1, 100.1, 99999.9])
@pytest.mark.parametrize("name", CONSTANT_ROWS)
def test_constant_rows_are_normalized_to_zero(name, constant, backend):
    make, shape = CONSTANT_ROWS[name]
    layer = make().to(backend.name, device=backend.device)
    x = backend.asarray(np.full(shape, constant, F4))
    y = backend.to_numpy(layer.forward(x, training=True))
    assert np.abs(y).max() <= 1e-5
    # n = 0 and s = sqrt(eps): dL/dx = (G - mean(G)) / s
    grad = np.random.default_rng(0).standard_normal(shape).astype(F4)
    grad_x = backend.to_numpy(layer.backward(backend.asarray(grad)))
    axes = (0, *range(2, len(shape))) if "Batch" in name else tuple(range(1, len(shape)))
    wanted = (grad - grad.mean(axes, keepdims=True)) / np.sqrt(1e-5)
    np.testing.assert_allclose(grad_x, wanted, rtol=1e-4, atol=1e-3)


def test_one_group_for_each_channel_is_instance_normalization():
    x = batches((2, 3, 4, 4))[0]
    n = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(GroupNorm(3, 3).to(dtype="float64")(x), n, rtol=1e-12)


def test_rms_norm_takes_the_epsilon_of_the_dtype():
    for dtype in ("float32", "float64"):
        x, eps = np.full((1, 2), 1e-4, dtype), np.finfo(dtype).eps
        y = RMSNorm(2).to(dtype=dtype)(x)
        np.testing.assert_allclose(y, 1e-4 / np.sqrt(1e-8 + float(eps)), rtol=4 * eps)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: BatchNorm1d(3).forward(np.ones((1, 3), F4), training=True),
            ShapeError,
            r"BatchNorm1d\(3\): in training x must have more than one value per channel.* x is \(1, 3\)\. Use larger",
        ),
        (
            lambda: BatchNorm2d(2).forward(np.ones((1, 2, 1, 1), F4), training=True),
            ShapeError,
            "x must have more than one value per channel",
        ),
        (
            lambda: BatchNorm1d(3)(np.ones((2, 4), F4)),
            ShapeError,
            r"BatchNorm1d\(3\): x must be \(N, 3\) or \(N, 3, L\), is \(2, 4\)",
        ),
        (lambda: BatchNorm1d(3)(np.ones(3, F4)), ShapeError, "x must be"),
        (
            lambda: BatchNorm2d(3)(np.ones((2, 3), F4)),
            ShapeError,
            r"x must be \(N, 3, H, W\), is \(2, 3\)",
        ),
        (lambda: BatchNorm1d(3)(np.ones((2, 3))), DtypeError, "x must be float32, as the weights"),
        (lambda: BatchNorm1d(0), ArgumentError, "BatchNorm1d: channels must be an integer >= 1"),
        (lambda: BatchNorm1d(3, momentum=2), ArgumentError, "BatchNorm1d: momentum must be"),
        (lambda: BatchNorm2d(3, eps=0), ArgumentError, "BatchNorm2d: eps must be"),
        (lambda: LayerNorm(()), ArgumentError, "LayerNorm: shape must name at least one axis"),
        (lambda: LayerNorm((3, 0)), ArgumentError, "LayerNorm: shape must be an integer >= 1"),
        (
            lambda: LayerNorm((3, 4))(np.ones((2, 4, 3), F4)),
            ShapeError,
            r"LayerNorm\(\(3, 4\)\): x must be \(N, \.\.\., 3, 4\), is \(2, 4, 3\)",
        ),
        (
            lambda: RMSNorm(3)(np.ones(3, F4)),
            ShapeError,
            r"RMSNorm\(3\): x must be \(N, \.\.\., 3\)",
        ),
        (lambda: RMSNorm(3, eps=-1), ArgumentError, "RMSNorm: eps must be"),
        (lambda: GroupNorm(2, 3), ArgumentError, "groups must divide channels = 3, is 2"),
        (
            lambda: GroupNorm(2, 4)(np.ones((2, 3), F4)),
            ShapeError,
            r"GroupNorm\(2, 4\): x must be \(N, 4, \.\.\.\), is \(2, 3\)",
        ),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()
