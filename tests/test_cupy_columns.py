"""Columns of images on a CUDA device: all of them, in their places, with indices of either size."""

import numpy as np
import pytest

from portanet.layers.convolution_functions import conv2d, conv2d_backward_w, conv2d_backward_x
from portanet.layers.pooling_functions import avg_pool2d, max_pool2d
from portanet.layers.windows import Window


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


WINDOWS = {
    "3 x 3": Window((3, 3), padding=((1, 1), (1, 1))),
    "1 x 1": Window((1, 1)),
    "two batches of 9": Window((4, 4), padding=((2, 1), (0, 3))),
    "strides": Window((3, 2), stride=(2, 3), padding=((1, 0), (0, 1))),
    "dilations": Window((2, 3), padding=((1, 1), (2, 2)), dilation=(3, 2)),
    "both": Window((3, 3), stride=(3, 2), padding=((2, 2), (3, 1)), dilation=(2, 2)),
    "a row": Window((1, 5), padding=((0, 0), (2, 2))),
}
SHAPES = [(2, 3, 9, 8), (1, 1, 7, 7), (3, 4, 8, 7), (1, 5, 10, 9)]


def places(window, shape):
    """For each element of the columns, the number of its pixel in the padded images."""
    (top, bottom), (left, right) = window.padding
    n, channels, height, width = shape
    padded = (n, channels, height + top + bottom, width + left + right)
    numbers = np.arange(np.prod(padded)).reshape(padded)
    (kernel, stride, dilation), size = (
        (window.kernel, window.stride, window.dilation),
        window.output_size(shape[2:]),
    )
    rows = np.arange(kernel[0])[:, None] * dilation[0] + np.arange(size[0]) * stride[0]
    cols = np.arange(kernel[1])[:, None] * dilation[1] + np.arange(size[1]) * stride[1]
    found = numbers[:, :, rows[:, None, :, None], cols[None, :, None, :]]
    return padded, found, (slice(top, top + height), slice(left, left + width))


@pytest.fixture(params=[32, 64])
def bits(request, monkeypatch):
    """Indices of 32 bits, and of 64 as for arrays of 2^31 numbers and more."""
    if request.param == 64:
        from portanet.backends._cupy import windows

        monkeypatch.setattr(windows, "_NEAR", 0)
    return request.param


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", WINDOWS)
def test_columns_are_the_windows_pixels(name, shape, bits, backend):
    from portanet.backends._cupy.kernels_columns import col2im, im2col

    window, cp = WINDOWS[name], backend._cp
    padded, found, inner = places(window, shape)
    size = window.output_size(shape[2:])
    rng = np.random.default_rng(0)
    x = np.zeros(padded)
    x[:, :, *inner] = rng.integers(-9, 9, shape)
    columns = im2col(cp.asarray(x[:, :, *inner]), window, size)
    assert np.array_equal(columns.get(), x.ravel()[found])
    grad, wanted = rng.integers(-9, 9, found.shape), np.zeros(padded)
    np.add.at(wanted.reshape(-1), found, grad)
    pixels = cp.full(shape, np.nan)
    col2im(cp.asarray(grad.astype(np.float64)), window, size, pixels)
    assert np.array_equal(pixels.get(), wanted[:, :, *inner])


def test_not_a_number_and_infinities_go_where_their_windows_are(backend):
    window, x = WINDOWS["3 x 3"], np.zeros((1, 2, 6, 6), np.float32)
    x[0, 0, 2, 2], x[0, 1, 5, 5] = np.nan, np.inf
    w = np.ones((1, 2, 3, 3), np.float32)
    y = backend.to_numpy(conv2d(backend.asarray(x), backend.asarray(w), window))
    wanted = np.zeros((1, 1, 6, 6), np.float32)
    wanted[0, 0, 1:4, 1:4], wanted[0, 0, 4:, 4:] = np.nan, np.inf
    assert np.array_equal(y, wanted, equal_nan=True)


def test_pooling_with_indices_of_either_size(bits, backend):
    """Exact: maxima, and sums of 4 small integers."""
    x = np.random.default_rng(0).integers(-9, 9, (3, 2, 8, 6)).astype(np.float32)
    window = Window((2, 2), stride=(2, 2))
    tiles = x.reshape(3, 2, 4, 2, 3, 2)
    given = backend.asarray(x)
    assert np.array_equal(backend.to_numpy(max_pool2d(given, window)), tiles.max(axis=(3, 5)))
    assert np.array_equal(backend.to_numpy(avg_pool2d(given, window)), tiles.mean(axis=(3, 5)))


def test_indices_are_64_bits_wide_where_an_array_is_large(backend, monkeypatch):
    from portanet.backends._cupy import windows

    called = []

    def kernel(inputs, outputs, body, name, preamble):
        return lambda *args, **options: called.append(preamble.split()[1])

    monkeypatch.setattr(backend._cp, "ElementwiseKernel", kernel)
    call = windows.window_kernel("T x", "T y", "y = x", "copied")
    vast = backend._cp.broadcast_to(backend._cp.zeros(1), (2**31,))
    for array in (backend._cp.zeros(3), vast):
        call(array)
    assert called == ["int", "long"]


# images, channels, size and output channels of the benchmarks' convolutions
LAYERS = {"cnn 1": (64, 1, 28, 16), "cnn 2": (64, 16, 14, 32), "residual": (16, 64, 32, 64)}


@pytest.mark.parametrize("name", LAYERS)
def test_a_large_gpu_is_occupied_and_blocks_of_columns_fit_its_cache(name, backend, monkeypatch):
    """CuPy's element-wise kernels have blocks of 128 threads; fewer than 64 would be too few here.

    50 MiB of second-level cache hold the columns, the images and the output.
    """
    from portanet.backends._cupy import kernels_columns

    threads, columns = [], []

    def kernel(*args, size):
        threads.append(size)
        columns.append(max(a.nbytes for a in args if hasattr(a, "nbytes")))

    for function in ("_im2col", "_col2im"):
        monkeypatch.setattr(kernels_columns, function, kernel)
    n, channels, size, n_out = LAYERS[name]
    window, cp = WINDOWS["3 x 3"], backend._cp
    x, w, y = (
        cp.zeros(shape, "float32")
        for shape in ((n, channels, size, size), (n_out, channels, 3, 3), (n, n_out, size, size))
    )
    conv2d(x, w, window)
    conv2d_backward_w(y, x, window)
    conv2d_backward_x(y, w, window, (size, size))
    assert min(threads) >= 64 * 128
    assert max(columns) <= 2**25
    assert len(columns) == (6 if name == "residual" else 3)
