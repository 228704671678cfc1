"""Sums over segments on a CUDA device: right and the same bits, however long a segment is."""

from math import sqrt

import numpy as np
import pytest

from portanet.errors import DtypeError
from portanet.layers.embedding import segment_sum

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


def n_additions(n_rows):
    """How many additions, one after another, a number goes through at most: stated, not measured.

    The rows of a piece; then the edges of one lane, and the levels of up to 512 lanes.
    """
    root = sqrt(n_rows)
    return max(8, root / 4) + max(8, root) + 9


INDICES = {  # name: (rows, segments, their indices)
    "all the same": (5000, 9, lambda rng, m, n: np.full(m, 4)),
    "all different": (999, 999, lambda rng, m, n: rng.permutation(n)),
    "as words are, 1/k of them the k-th": (6001, 500, lambda rng, m, n: rng.zipf(1.1, m) % n),
    "few": (4096, 2, lambda rng, m, n: rng.integers(0, n, m)),
    "sorted, in runs of a piece": (512, 64, lambda rng, m, n: np.arange(m) // 8),
    "in runs of a piece, one off": (513, 66, lambda rng, m, n: (np.arange(m) + 1) // 8),
    "one frequent between rare ones": (
        3000, 700, lambda rng, m, n: np.where(rng.random(m) < 0.8, 350, rng.integers(0, n, m)),
    ),
    "one row": (1, 3, lambda rng, m, n: np.full(m, 2)),
}  # fmt: skip


@pytest.mark.parametrize("n_features", [1, 3, 33])
@pytest.mark.parametrize("name", INDICES)
def test_sums_are_right_to_float64_and_the_same_bits(name, n_features, backend):
    n_rows, n, draw = INDICES[name]
    rng = np.random.default_rng(0)
    exact, indices = rng.standard_normal((n_rows, n_features)), draw(rng, n_rows, n)
    for dtype, unit in UNIT.items():
        values = exact.astype(dtype)
        wanted, size = np.zeros((2, n, n_features), np.longdouble)
        np.add.at(wanted, indices, values)
        np.add.at(size, indices, np.abs(values))
        args = backend.asarray(values), backend.asarray(indices), n
        first, again = (backend.to_numpy(segment_sum(*args)) for _ in range(2))
        assert first.dtype == dtype
        assert np.all(np.abs(first - wanted) <= n_additions(n_rows) * unit * size)
        assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize("name", INDICES)
def test_whole_numbers_are_added_up_exactly(name, backend):
    """No row is left out or added twice: then a sum of integers is wrong, not off by a rounding."""
    n_rows, n, draw = INDICES[name]
    rng = np.random.default_rng(1)
    values, indices = rng.integers(-9, 9, (n_rows, 5)), draw(rng, n_rows, n)
    wanted = np.zeros((n, 5))
    np.add.at(wanted, indices, values)
    args = backend.asarray(values, "float32"), backend.asarray(indices.astype(np.int32)), n
    assert np.array_equal(backend.to_numpy(segment_sum(*args)), wanted)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_in_its_segment(bad, backend):
    values = np.ones((2000, 3), np.float32)
    indices = np.repeat([0, 3, 1], [900, 1000, 100])
    values[[950, 1950], 1] = bad
    wanted = np.zeros((5, 3), np.float32)
    np.add.at(wanted, indices, values)
    result = backend.to_numpy(segment_sum(backend.asarray(values), backend.asarray(indices), 5))
    assert np.array_equal(result, wanted, equal_nan=True)


def test_rows_as_they_lie_and_indices_outside(backend):
    cp = backend._cp
    values = cp.arange(24.0).reshape(4, 6)[:, ::2]
    result = segment_sum(values, cp.asarray([1, -1, 7, 1]), 3)
    assert np.array_equal(result.get(), [[0, 0, 0], [18, 22, 26], [0, 0, 0]])


@pytest.mark.parametrize("n_lanes", [16, 64, 512])
def test_no_thread_makes_many_additions(n_lanes, backend):
    from portanet.backends._cupy.kernels_segments import piece_length

    for n_rows in (10, 1280, 4097, 32_768, 10**6, 10**8):
        length = piece_length(n_rows, n_lanes)
        n_edges = 2 * -(-n_rows // length)
        assert length <= max(8, sqrt(n_rows) / 4)
        assert -(-n_edges // n_lanes) <= max(8, sqrt(n_rows))


@pytest.mark.parametrize(("n_rows", "n_features"), [(2**18, 1), (2**16, 4), (4096, 64), (512, 512)])
def test_a_mebibyte_of_rows_is_read_by_many_blocks(n_rows, n_features, backend, monkeypatch):
    from portanet.backends._cupy import kernels_segments

    grids = {}

    def compiled(source, names):
        def kernel(name):
            return lambda grid, block, arguments: grids.setdefault(name, grid)

        return {name: kernel(name) for name in names}

    monkeypatch.setattr(kernels_segments, "compile_cuda", compiled)
    cp = backend._cp
    segment_sum(cp.zeros((n_rows, n_features), "float32"), cp.zeros(n_rows, "int64"), 10)
    assert grids["portanet_add_runs"][0] >= 64


def test_integers_are_refused_in_words(backend):
    cp = backend._cp
    with pytest.raises(DtypeError, match="must be float32 or float64, are int64; cast them"):
        segment_sum(cp.ones((2, 2), "int64"), cp.asarray([0, 1]), 2)
