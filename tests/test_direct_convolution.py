"""Direct convolution, and the vectors that it is written with, beside plain NumPy in float64."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from test_llvm import run

from portanet.backends._llvm import conv_loops, direct, kernels_conv, machine
from portanet.layers.windows import Window

pytestmark = pytest.mark.skipif(not machine.available(), reason="llvmlite is not installed")

# (C, H, W), outputs, groups, window: all of them direct in all three loops, but for dL/dx with a stride
CASES = {
    "3 x 3, rows of 32": ((8, 6, 32), 8, 1, Window((3, 3), padding=((1, 1), (1, 1)))),
    "3 x 3, rows of 14": ((16, 14, 14), 16, 1, Window((3, 3), padding=((1, 1), (1, 1)))),
    "several blocks of outputs": ((40, 6, 13), 64, 1, Window((3, 3), padding=((1, 1), (1, 1)))),
    "rows of three": ((8, 5, 3), 16, 1, Window((2, 3), padding=((1, 0), (1, 1)))),
    "no padding": ((8, 18, 19), 9, 1, Window((3, 3))),
    "padding on some sides": ((8, 15, 28), 8, 1, Window((3, 2), padding=((2, 0), (0, 1)))),
    "padding twice a pixel wide": ((8, 12, 13), 13, 1, Window((5, 5), padding=((2, 2), (2, 2)))),
    "dilated": ((8, 20, 16), 11, 1, Window((3, 3), padding=((2, 2), (2, 2)), dilation=(2, 2))),
    "stride 2": ((8, 21, 63), 8, 1, Window((3, 3), (2, 2), ((1, 1), (1, 1)))),
    "strides 1 and 3": ((8, 9, 95), 8, 1, Window((3, 5), (1, 3), ((1, 1), (2, 2)))),
    "groups": ((24, 10, 30), 24, 3, Window((3, 3), padding=((1, 1), (1, 1)))),
    "more products than are added up in one go": (
        (96, 7, 31), 8, 1, Window((3, 3), padding=((1, 1), (1, 1))),
    ),
}  # fmt: skip
REGISTERS = [
    (64, 32),
    (32, 16),
    (16, 16),
    (16, 32),
]  # bytes, and how many: AVX-512, AVX2, SSE, NEON


@pytest.fixture(params=REGISTERS, ids=lambda r: f"{r[1]} registers of {r[0]} bytes")
def registers(request, monkeypatch):
    """Loops written for other machines: LLVM makes of a wide vector what this one has."""
    monkeypatch.setattr(machine, "vector_registers", lambda: request.param)
    monkeypatch.setattr(kernels_conv, "LEAST", {})
    monkeypatch.setattr(kernels_conv, "A_THREADS", 1)
    monkeypatch.setattr(conv_loops, "_LEAST_SHARE", 0.3)


def arrays(case, dtype, n=3):
    """Return x, w, grad, and how convolution is called."""
    (c, h, w), n_out, groups, window = CASES[case]
    rng = np.random.default_rng(0)
    out = window.output_size((h, w))
    shapes = ((n, c, h, w), (n_out, c // groups, *window.kernel), (n, n_out, *out))
    return *(rng.standard_normal(s).astype(dtype) for s in shapes), window, groups


def seen(x, window, groups):
    """Return what places see: (N, groups, C/groups, OH, OW, kh, kw)."""
    x = np.pad(x, ((0, 0), (0, 0), *window.padding))
    (kh, kw), (dh, dw), (sh, sw) = window.kernel, window.dilation, window.stride
    spans = ((kh - 1) * dh + 1, (kw - 1) * dw + 1)
    found = sliding_window_view(x, spans, axis=(2, 3))[:, :, ::sh, ::sw, ::dh, ::dw]
    return found.reshape(len(x), groups, -1, *found.shape[2:])


def expected(x, w, grad, window, groups):
    """Return y, dL/dw and dL/dx by their definitions, in float64."""
    x, w, grad = (a.astype("d") for a in (x, w, grad))
    columns = seen(x, window, groups)
    w_g = w.reshape(groups, -1, *w.shape[1:])
    grad_g = grad.reshape(len(grad), groups, -1, *grad.shape[2:])
    y = np.einsum("ngcpqij,gocij->ngopq", columns, w_g).reshape(grad.shape)
    grad_w = np.einsum("ngcpqij,ngopq->gocij", columns, grad_g).reshape(w.shape)
    numbers = np.arange(1, x[0].size + 1, dtype="d").reshape(1, *x.shape[1:])  # 0 is padding
    places = seen(numbers, window, groups)[0].astype(int)
    parts = np.einsum("gocij,ngopq->ngcpqij", w_g, grad_g)
    grad_x = np.zeros((len(x), x[0].size + 1))
    for image, part in zip(grad_x, parts, strict=True):
        np.add.at(image, places.ravel(), part.ravel())
    return y, grad_w, grad_x[:, 1:].reshape(x.shape)


def found(x, w, grad, window, groups):
    """Return the same by the kernels."""
    return (
        kernels_conv.conv2d(x, w, window, groups),
        kernels_conv.conv2d_backward_w(grad, x, window, groups),
        kernels_conv.conv2d_backward_x(grad, w, window, x.shape[2:], groups),
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values(case, dtype, registers):
    """A sum of n products is off by at most n u Σ |a| |b|, in whatever order it is added up."""
    given = arrays(case, dtype)
    x, w, grad, window, groups = given
    terms = [w[0].size, len(x) * grad[0, 0].size, w[:, 0].size]
    sizes = expected(*(np.abs(a) for a in given[:3]), window, groups)
    for value, oracle, size, n in zip(found(*given), expected(*given), sizes, terms, strict=True):
        bound = (n + 2) * np.finfo(dtype).eps / 2 * size
        assert value.dtype == dtype
        assert value.shape == oracle.shape
        assert np.all(np.abs(value - oracle) <= bound + np.abs(oracle) * 1e-15)


@pytest.mark.parametrize("case", CASES)
def test_these_cases_are_direct(case, registers):
    x, _, grad, window, groups = arrays(case, "float32")
    shapes = window, x.shape, grad.shape, groups, x.dtype
    files = [
        make(*shapes).file
        for make in (
            conv_loops.forward_loop,
            conv_loops.backward_w_loop,
            conv_loops.backward_x_loop,
        )
    ]
    by_columns = "loops_columns" if window.stride != (1, 1) else "loops_direct"
    assert files == ["loops_direct", "loops_direct", by_columns]


@pytest.mark.parametrize("n_out", [16, 48, 64])
def test_sums_fill_the_registers_and_no_more(n_out, registers):
    """Fewer than eight wait for each other; x and w need registers, too."""
    window, (n_bytes, n) = Window((3, 3), padding=((1, 1), (1, 1))), machine.vector_registers()
    for width in range(1, 70):
        shapes = (1, 16, 4, width), (1, n_out, 4, width)
        loop = direct.DirectForward(window, *shapes, 1, np.dtype("f"))
        sums = loop.units * loop.lanes * 4 // n_bytes
        assert min(8, width) <= sums <= n * 5 // 8
        assert loop.share >= 0.5
        weights = direct.DirectSums(window, *shapes, 1, np.dtype("f"))
        assert 8 <= weights.units * weights.lanes * 4 // n_bytes <= n * 5 // 8


@pytest.mark.parametrize("number", [np.inf, np.nan])
def test_a_number_spreads_to_what_sees_it_and_no_further(number, registers):
    """Squares overlap, and vectors go over the outputs: what lies there is dropped."""
    x, w, grad, window, groups = arrays("3 x 3, rows of 14", "float32")
    x[1, 2, 5, 13] = x[2, 0, 0, 0] = number
    grad[0, 3, 13, 13] = number
    with np.errstate(invalid="ignore"):
        for value, oracle in zip(
            found(x, w, grad, window, groups), expected(x, w, grad, window, groups), strict=True
        ):
            np.testing.assert_array_equal(np.isfinite(value), np.isfinite(oracle))


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_written_beside_the_output(case, registers):
    x, w, grad, window, groups = arrays(case, "float32")
    memory = [np.full(a.size + 64, 7, "f") for a in (grad, x)]
    y, grad_x = (m[32:-32].reshape(a.shape) for m, a in zip(memory, (grad, x), strict=True))
    kernels_conv.conv2d(x, w, window, groups, out=y)
    kernels_conv.conv2d_backward_x(grad, w, window, x.shape[2:], groups, out=grad_x)
    for around in memory:
        assert np.all(around[:32] == 7)
        assert np.all(around[-32:] == 7)
    np.testing.assert_array_equal(y, kernels_conv.conv2d(x, w, window, groups))


@pytest.mark.parametrize("case", ["3 x 3, rows of 14", "groups"])
@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(case, n_threads, registers, monkeypatch):
    from portanet.backends._numpy import threads

    given, values = arrays(case, "float32", n=9), []
    for n in (1, n_threads):

        def in_parts(size, work, most=9, n=n):
            threads._side_by_side(size, work, min(n, size, most))

        monkeypatch.setattr(kernels_conv, "in_parts", in_parts)
        values.append(found(*given))
    for one, several in zip(*values, strict=True):
        np.testing.assert_array_equal(one, several)


# the words of the language that they need


@pytest.mark.parametrize("n", [2, 4, 8, 16])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_turn_transposes(n, dtype):
    text = f"def kernel(a: {dtype}[:], y: {dtype}[:], p: i8, q: i8):\n    turn(a, p, y, q, {n})\n"
    a, y = np.arange(n * 20, dtype=dtype).reshape(n, 20), np.zeros((n, 24), dtype)
    run(text, a, y, 20, 24)
    np.testing.assert_array_equal(y[:, :n], a[:, :n].T)
    assert not y[:, n:].any()


REGISTERS_TEXT = """\
UNITS, n = (0, 1, 2), 3

def kernel(x: f4[:], y: f4[:], k: i8):
    sums = registers(n, spread(f4(0), 4))
    for i in range(k):
        for u in UNITS:
            sums[u] = sums[u] + vector(x + 4 * i, 4) * spread(x[u], 4)
    for u in UNITS:
        put(y + (4 * u + 1), sums[u])
"""


def test_registers_are_numbered_variables():
    x, y = np.arange(20, dtype="f"), np.full(14, -1, "f")
    run(REGISTERS_TEXT, x, y, 5)
    np.testing.assert_array_equal(y[1:13], np.outer(x[:3], x.reshape(5, 4).sum(0)).ravel())
    assert y[0] == y[13] == -1
