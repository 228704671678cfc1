"""Convolution, pooling and containers: what the generic tests of test_layers.py do not cover."""

from importlib import import_module

import numpy as np
import pytest
from agreement import assert_ulps

import portanet
from portanet import (
    AvgPool2d,
    BCEWithLogits,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Parallel,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Tanh,
    backends,
)
from portanet.errors import (
    ArgumentError,
    DtypeError,
    PlacementError,
    ShapeError,
    SharedParameterError,
)
from portanet.layers.convolution_functions import conv2d, conv2d_backward_w, conv2d_backward_x
from portanet.layers.pooling_functions import max_pool2d
from portanet.layers.windows import Window


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


REFUSED = [
    (lambda: Conv2d(3, 8, 3)(zeros(2, 4, 8, 8)), ShapeError, r"Conv2d\(3, 8, 3\): x must be \(N, 3, height, width\), is \(2, 4, 8, 8\)"),
    (lambda: Conv2d(3, 8, 3)(zeros(3, 8, 8)), ShapeError, r"is \(3, 8, 8\); one sample is x\[None, ...\]"),
    (lambda: Conv2d(1, 8, 3)(zeros(9, 8, 8)), ShapeError, r"add a channel axis with x\[:, None, ...\]"),
    (lambda: Conv2d(3, 8, 3)(zeros(2, 8, 8, 3)), ShapeError, "channels are axis 1: permute the axes"),
    (lambda: Conv2d(3, 8, (5, 3))(zeros(2, 3, 4, 8)), ShapeError, "x must be at least 5 x 3 for the kernel, is 4 x 8"),
    (lambda: Conv2d(3, 8, 3, padding=1, dilation=3)(zeros(2, 3, 4, 8)), ShapeError, "at least 5 x 5"),
    (lambda: Conv1d(3, 8, 3)(zeros(2, 3, 2)), ShapeError, "x must be at least 3 long for the kernel, is 2 long"),
    (lambda: Conv1d(3, 8, 3)(zeros(2, 3, 8, 8)), ShapeError, r"x must be \(N, 3, length\)"),
    (lambda: Conv2d(3, 8, 3)(zeros(2, 3, 8, 8, dtype=np.float64)), DtypeError, "x must be float32"),
    (lambda: Conv2d(3, 8, 3).to("strict")(zeros(2, 3, 8, 8)), PlacementError, "x must be on the device of the weights"),
    (lambda: Conv2d(3, 8, 0), ArgumentError, "Conv2d: kernel must be an integer >= 1, is 0"),
    (lambda: Conv2d(3, 8, (3, 3, 3)), ArgumentError, "kernel must be one integer or 2"),
    (lambda: Conv1d(3, 8, (3, 3)), ArgumentError, "kernel must be one integer or 1"),
    (lambda: Conv2d(3, 8, 3, stride=0), ArgumentError, "stride must be an integer >= 1"),
    (lambda: Conv2d(3, 8, 3, padding=-1), ArgumentError, "padding must be an integer >= 0"),
    (lambda: Conv2d(3, 8, 3, padding="full"), ArgumentError, "padding must be integers or 'same', is 'full'; padding=0 adds none"),
    (lambda: Conv2d(3, 8, 3, padding="same", stride=2), ArgumentError, r"padding='same' needs stride 1, stride is \(2, 2\)"),
    (lambda: Conv2d(3, 8, 3, groups=2), ArgumentError, "groups must divide n_inp = 3 and n_out = 8, is 2"),
    (lambda: Conv2d(0, 8, 3), ArgumentError, "n_inp must be an integer >= 1"),
    (lambda: ConvTranspose2d(3, 8, 3, output_padding=1), ArgumentError, "output_padding must be smaller than the stride"),
    (lambda: ConvTranspose2d(3, 8, 3, padding=2)(zeros(2, 3, 2, 9)), ShapeError, "is 2 x 9, which makes 0 x 7; use less padding"),
    (lambda: MaxPool2d(2, padding=2), ArgumentError, "padding must be at most half the kernel"),
    (lambda: MaxPool2d(2)(zeros(2, 8, 8)), ShapeError, r"x must be \(N, channels, height, width\)"),
    (lambda: MaxPool2d(5)(zeros(2, 3, 4, 8)), ShapeError, "at least 5 x 5 for the kernel, is 4 x 8"),
    (lambda: MaxPool1d(2)(zeros(2, 3, 4, dtype=np.int32)), DtypeError, "must be float32 or float64, is int32"),
    (lambda: GlobalAvgPool()(zeros(2, 3)), ShapeError, r"GlobalAvgPool: x must be .*, is \(2, 3\)"),
    (lambda: GlobalAvgPool()(zeros(2, 3, 0, 4)), ShapeError, "not empty, is"),
    (lambda: Reshape((2, 3))(zeros(4, 5)), ShapeError, r"Reshape\(\(2, 3\)\): x must be \(N, ...\) with 6 numbers per sample, is \(4, 5\)"),
    (lambda: Reshape(6), ArgumentError, "shape must be a tuple"),
    (lambda: Flatten()(np.float32(1)), ShapeError, "is a single number"),
    (lambda: Residual([Linear(4, 2)])(zeros(3, 4)), ShapeError, r"f\(x\) must have the shape of x, \(3, 4\).*has \(3, 2\)"),
    (lambda: Residual([]), ArgumentError, "Residual: layers must be a layer or a list of layers"),
    (lambda: Parallel([]), ArgumentError, "branches must be a list of layers"),
    (lambda: Parallel([ReLU()], how="product"), ArgumentError, "how must be 'concat' or 'sum', is 'product'"),
    (lambda: Parallel([ReLU(), Linear(4, 2)], how="sum")(zeros(3, 4)), ShapeError, "one shape, to be added, are"),
    (lambda: Parallel([ReLU(), Flatten()])(zeros(3, 4, 2)), ShapeError, "differ along axis 1 only"),
    (lambda: Parallel([ReLU(), ReLU()], axis=2)(zeros(3, 4)), ShapeError, "differ along axis 2 only"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "match"), REFUSED)
def test_what_cannot_work_is_refused_at_the_door(call, error, match):
    if error is PlacementError and "strict" not in backends.available():
        pytest.skip("array-api-strict is not installed")
    with pytest.raises(error, match=match):
        call()


def test_weights_start_as_in_pytorch():
    weights = Conv2d(8, 64, (3, 5), groups=2).weights.value
    assert weights.shape == (64, 4, 3, 5)
    k = 1 / np.sqrt(4 * 3 * 5)
    assert 0.98 * k < np.abs(weights).max() <= k
    assert abs(np.mean(weights)) < 4 * k / np.sqrt(3 * weights.size)
    assert ConvTranspose2d(4, 6, 2).weights.value.shape == (4, 6, 2, 2)
    assert np.abs(ConvTranspose2d(4, 6, 2).weights.value).max() <= 1 / np.sqrt(6 * 2 * 2)
    one, other = (Conv2d(2, 3, 3, rng=np.random.default_rng(5)).weights.value for _ in range(2))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("block", [1, 10**4])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_batch_in_several_parts_is_the_batch(block, stride, backend, monkeypatch):
    """The kernels do some images at a time: here one, or three and a rest of one."""
    if "conv2d" not in backend.kernels:
        pytest.skip(f"{backend} has no kernel to compare with")
    kernels = import_module(f"portanet.backends._{backend.name}.kernels_conv")
    window = Window((3, 2), stride=(stride, stride), padding=((1, 0), (1, 2)))
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((7, 4, 9, 8)), rng.standard_normal((6, 2, 3, 2))
    grad = rng.standard_normal((7, 6, *window.output_size((9, 8))))
    x, w, grad = (backend.asarray(a, "float64") for a in (x, w, grad))
    calls = {
        conv2d: (x, w, window, 2),
        conv2d_backward_w: (grad, x, window, 2),
        conv2d_backward_x: (grad, w, window, (9, 8), 2),
    }
    monkeypatch.setattr(kernels, "_BLOCK", block)
    for function, args in calls.items():
        value, oracle = backend.to_numpy(function(*args)), backend.to_numpy(function.plain(*args))
        # up to 7 * 9 * 9 products a number, whose roundings grow as the root of that
        assert_ulps(function.name, value, oracle, "float64", 32)


def test_the_kernels_memory_stays_small():
    """At most three times input and output together: all columns at once would be nine inputs."""
    import tracemalloc

    layer = Conv2d(16, 32, 3, padding=1)
    x = np.ones((64, 16, 28, 28), np.float32)
    layer.backward(layer.forward(x, training=True))  # what is compiled takes memory once
    tracemalloc.start()
    y = layer.forward(x, training=True)
    grad_x = layer.backward(y)
    peak = tracemalloc.get_traced_memory()[1] - y.nbytes - grad_x.nbytes
    tracemalloc.stop()
    assert peak <= 3 * (x.nbytes + y.nbytes)


def test_a_convolution_of_an_impulse_is_the_mirrored_kernel(backend):
    """A correlation meets a single 1 last offset first."""
    layer = Conv2d(1, 1, 3, padding="same", bias=False)
    weights = layer.weights.value
    layer.to(backend.name, device=backend.device)
    impulse = np.zeros((1, 1, 5, 5), np.float32)
    impulse[0, 0, 2, 2] = 1
    y = backend.to_numpy(layer(backend.asarray(impulse)))
    assert np.array_equal(y[0, 0, 1:4, 1:4], weights[0, 0, ::-1, ::-1])
    assert y.sum() == pytest.approx(weights.sum(), abs=1e-6)


def test_same_keeps_the_size():
    for kernel in (1, 2, 3, 4, (5, 2)):
        for dilation in (1, 2, 3):
            y = Conv2d(1, 1, kernel, padding="same", dilation=dilation)(zeros(1, 1, 4, 7))
            assert y.shape == (1, 1, 4, 7)


def test_a_transposed_convolution_is_the_adjoint(backend):
    """<conv(x), y> = <x, transposed(y)> for all x and y, with the same weights."""
    down = Conv2d(3, 4, 3, stride=2, padding=1, bias=False).to(dtype="float64")
    up = ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1, bias=False)
    up.to(dtype="float64").weights.value = down.weights.value
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 3, 8, 6)), rng.standard_normal((2, 4, 4, 3))
    assert np.sum(down(x) * y) == pytest.approx(np.sum(x * up(y)), rel=1e-12)


def pooled(layer, x, backend, dtype="float64"):
    """Return the output and dL/dx for dL/dy = 1, 2, 3, …"""
    moved = backend.asarray(x, dtype)
    y = backend.to_numpy(layer.forward(moved, training=True))
    grad = 1.0 + np.arange(y.size).reshape(y.shape)
    return y, backend.to_numpy(layer.backward(backend.asarray(grad, dtype)))


def test_the_first_of_several_maxima_takes_the_gradient(backend):
    x = np.array([[[[1.0, 1.0, 2.0, 3.0], [1.0, 1.0, 3.0, 3.0]]]])
    y, grad = pooled(MaxPool2d(2), x, backend, "float32")
    assert y.tolist() == [[[[1, 3]]]]
    assert grad.tolist() == [[[[1, 0, 0, 2], [0, 0, 0, 0]]]]


def test_a_window_of_nothing_but_minus_infinity(backend):
    """The padding counts as -inf, too, but the gradient goes to the image."""
    x = np.full((1, 1, 2, 2), -np.inf)
    y, grad = pooled(MaxPool2d(3, stride=1, padding=1), x, backend, "float32")
    assert np.isneginf(y).all()
    assert grad.sum() == 1 + 2 + 3 + 4


def test_nan_and_extremes_in_pooling(backend):
    x = np.array([[[[1.0, np.nan, 1e4, -1e4], [5.0, 2.0, np.inf, 0.0]]]])
    y, grad = pooled(MaxPool2d(2), x, backend, "float32")
    assert np.isnan(y[0, 0, 0, 0])
    assert y[0, 0, 0, 1] == np.inf
    assert grad.tolist() == [[[[0, 1, 0, 0], [0, 0, 2, 0]]]]
    denormal = np.full((1, 1, 2, 2), 2.0**-140)
    y = AvgPool2d(2)(denormal.astype(np.float32))
    assert float(y[0, 0, 0, 0]) == 2.0**-140


def test_pytorch_breaks_ties_alike():
    torch = pytest.importorskip("torch", reason="the oracle PyTorch is not installed")
    x = np.random.default_rng(0).integers(0, 3, (4, 3, 9, 8)) * 1.0
    layer = MaxPool2d(3, stride=2, padding=1)
    y, grad = pooled(layer, x, backends.get("numpy"))
    t = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.max_pool2d(t, 3, stride=2, padding=1)
    expected.backward(1.0 + torch.arange(y.size, dtype=torch.float64).reshape(y.shape))
    assert np.array_equal(y, expected.detach().numpy())
    assert np.array_equal(grad, t.grad.numpy())


def test_a_window_of_all_is_the_global_mean():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    assert_ulps("pool", AvgPool2d((4, 5))(x)[..., 0, 0], GlobalAvgPool()(x), "float64", 4)
    assert max_pool2d(x, Window((4, 5)))[1, 2, 0, 0] == x[1, 2].max()


def test_a_network_of_all_these_has_the_right_gradients():
    inner = [Conv2d(4, 4, 3, padding="same"), Tanh()]
    model = Sequential(
        [
            Reshape((1, 6, 6)), Conv2d(1, 2, 3, padding="same"), Tanh(),
            Parallel([Conv2d(2, 2, 1), [Conv2d(2, 2, 3, padding=1), Tanh()]]),
            Residual(inner), AvgPool2d(2), Residual(Sequential([Residual([Conv2d(4, 4, 1)])])),
            ConvTranspose2d(4, 2, 2, stride=2), GlobalAvgPool(), Linear(2, 1),
        ],
    )  # fmt: skip
    names = list(model.named_parameters())
    assert "layers.3.branches.1.layers.0.weights" in names
    assert "layers.4.layers.layers.0.bias" in names
    assert portanet.check_gradients(model, np.random.default_rng(0).normal(size=(2, 36))) < 1e-7


def test_a_layer_in_two_branches_is_refused():
    layer = Linear(4, 4)
    with pytest.raises(
        SharedParameterError, match=r"branches\.0\.weights and branches\.1\.weights"
    ):
        Parallel([layer, layer]).parameters()


def test_a_network_for_images_trains_alike_everywhere(backend):
    """Five steps of SGD in float32, from one seed, beside float64 on NumPy."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((16, 1, 8, 8)), rng.integers(0, 2, (16, 1))
    oracle, losses = None, []
    for place, dtype in ((backends.get("numpy"), "float64"), (backend, "float32")):
        portanet.seed(3)
        layers = [Conv2d(1, 4, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Linear(64, 1)]
        model = Sequential(layers, BCEWithLogits()).to(place.name, device=place.device, dtype=dtype)
        optimizer = portanet.SGD(model, lr=0.5)
        xs, ys = place.asarray(x, dtype), place.asarray(y, place.index_dtype())
        for _ in range(5):
            losses = model.criterion.forward(model.forward(xs, training=True), ys, training=True)
            model.backward()
            optimizer.step()
        losses = place.to_numpy(losses)
        oracle = losses if oracle is None else oracle
    assert losses.mean() < 0.6  # it does learn: the start is log 2 = 0.69
    # five steps, each of which may multiply the 16 ulps of one pass by about two
    assert_ulps("losses", losses, oracle, "float32", 16 * 2**5)


def test_what_layers_say_of_themselves():
    assert repr(Conv2d(3, 8, (3, 5))) == "Conv2d(3, 8, (3, 5))"
    assert repr(Conv1d(3, 8, 3)) == "Conv1d(3, 8, 3)"
    assert repr(MaxPool2d(3, stride=2)) == "MaxPool2d(3, stride=2)"
    assert repr(Residual([ReLU()])) == "Residual(Sequential([ReLU()]))"
    assert repr(Parallel([ReLU()])) == "Parallel([ReLU()])"
    assert repr([Flatten(), GlobalAvgPool()]) == "[Flatten(), GlobalAvgPool()]"


def test_containers_hand_on_what_their_layers_take():
    assert Residual([ReLU()]).takes == Parallel([ReLU()]).takes == "floats"
    Residual([ReLU()]).check_values(zeros(1, 1))
    Parallel([ReLU()]).check_values(zeros(1, 1))
