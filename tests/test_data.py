"""Data sets and loaders: every sample once, the same order everywhere, streaming, normalizing."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

import portanet
from portanet import (
    BCEWithLogits,
    DataLoader,
    Dataset,
    Linear,
    Normalizer,
    Sequential,
    batchwise,
    normalize,
)
from portanet.data import Batches
from portanet.data.mapped import MappedArray
from portanet.errors import ArgumentError, DataError


def numbered(n):
    """n samples that say which they are."""
    return Dataset(np.arange(float(n)).reshape(-1, 1), np.arange(n) % 2)


def rows(batches):
    return [int(v) for x, _ in batches for v in np.asarray(x)[:, 0]]


@given(n=st.integers(1, 40), size=st.integers(1, 50), shuffle=st.booleans(), drop=st.booleans())
def test_every_sample_comes_once_an_epoch(n, size, shuffle, drop):
    assume(not drop or size <= n)
    loader = DataLoader(numbered(n), size, shuffle, seed=1, drop_last=drop)
    batches = list(loader)
    assert len(batches) == len(loader)
    kept = n - n % size if drop else n
    assert len(rows(batches)) == kept
    assert len(set(rows(batches))) == kept
    assert shuffle or rows(batches) == list(range(kept))


def test_epochs_differ_and_seeds_repeat():
    loader, again = (DataLoader(numbered(50), 8, True, seed=5) for _ in range(2))
    first, second = rows(loader), rows(loader)
    assert first != second
    assert (rows(again), rows(again)) == (first, second)
    assert rows(DataLoader(numbered(50), 8, True, seed=6)) != first


def test_loaders_without_a_seed_follow_portanets():
    def epoch():
        portanet.seed(3)
        a, b = (DataLoader(numbered(50), 8, True) for _ in range(2))
        return rows(a), rows(b)

    a, b = epoch()
    assert a != b
    assert epoch() == (a, b)


def test_lists_frames_and_booleans_are_taken():
    class Frame:  # what is known of a data frame: columns, and that NumPy can read it
        columns = ("a",)

        def __array__(self, dtype=None, copy=None):
            return np.array([[1.0], [2.0]])

    for X in ([[1.0], [2.0]], Frame()):
        x, y = Dataset(X, [True, False])[0]
        assert (x, y) == (1.0, True)


def network(n_inp=1):
    return Sequential([Linear(n_inp, 1)], BCEWithLogits())


def test_batches_lie_where_the_model_lies(backend):
    model = network().to(backend.name, device=backend.device)
    for x, y in DataLoader(numbered(5), 2, True).to(model):
        for array in (x, y):
            assert portanet.backend_of(array) is backend
            assert array.dtype == backend.dtype("float32")


def test_data_on_the_device_stay_there(backend):
    model = network().to(backend.name, device=backend.device)
    X = backend.asarray(np.arange(5.0).reshape(-1, 1), "float32")
    loader = DataLoader(Dataset(X, backend.asarray(np.ones(5), "float32")), 2)
    before = backend.copies_to_host
    assert [x.shape[0] for x, _ in loader.to(model)] == [2, 2, 1]
    assert [x.shape[0] for x, _ in loader] == [2, 2, 1]
    assert backend.copies_to_host == before


def test_streamed_batches_equal_resident_ones(backend, monkeypatch):
    """Data too large for the device take another way, and come out the same."""
    model = network().to(backend.name, device=backend.device)
    rng = np.random.default_rng(0)
    ds = Dataset(rng.standard_normal((23, 1)), rng.integers(0, 2, 23))
    resident = DataLoader(ds, 4, True, seed=2).to(model)
    assert resident.resident
    expected = [tuple(map(backend.to_numpy, batch)) for batch in resident]
    monkeypatch.setattr(Batches, "_fits", lambda self, X, y: False)
    streamed = DataLoader(ds, 4, True, seed=2).to(model)
    assert not streamed.resident
    for batch, (x, y) in zip(streamed, expected, strict=True):
        assert (backend.to_numpy(batch[0]) == x).all()
        assert (backend.to_numpy(batch[1]) == y).all()


def test_memory_maps_are_streamed_and_looked_at(tmp_path):
    np.save(tmp_path / "X.npy", np.arange(6.0).reshape(-1, 1))
    X = np.load(tmp_path / "X.npy", mmap_mode="r+")
    batches = DataLoader(Dataset(X, np.ones(6)), 4).to(network())
    assert not batches.resident
    assert rows(batches) == [0, 1, 2, 3, 4, 5]
    X[5] = np.nan
    with pytest.raises(DataError, match="X must be finite"):
        list(batches)


def test_a_device_with_little_memory_left_is_not_filled(monkeypatch):
    model = network()
    monkeypatch.setattr(type(model.backend), "free_memory", lambda self: 100)
    assert DataLoader(numbered(6), 2).to(model).resident  # 6 * 2 * 4 bytes
    assert not DataLoader(numbered(60), 2).to(model).resident


@given(
    n=st.integers(2, 30), scale=st.sampled_from([1e-6, 1.0, 1e6]), shift=st.sampled_from([0.0, 1e3])
)
def test_normalize_is_scikit_learns_standard_scaler(n, scale, shift):
    rng = np.random.default_rng(n)
    X, other = scale * rng.standard_normal((n, 3)) + shift, rng.standard_normal((4, 3))
    scaler = StandardScaler().fit(X)
    ours = normalize(X, other)
    # a mean is known to some eps |mean|, and here it is divided by std
    rounding = 16 * np.finfo(np.float64).eps * (1 + shift / scale) * n**0.5
    for result, x in zip(ours, (X, other), strict=True):
        np.testing.assert_allclose(result, scaler.transform(x), rtol=rounding, atol=rounding)


@pytest.mark.parametrize("constant", [0.0, 7.0, 0.1, -1e8, 1e-30])
def test_constant_columns_stay_finite(backend, dtypes, constant):
    for dtype in dtypes:
        X = backend.asarray(np.full((100, 2), constant), dtype)
        result = backend.to_numpy(normalize(X))
        assert result.dtype == dtype
        assert np.isfinite(result).all()
        assert np.abs(result).max() <= 4 * np.finfo(dtype).eps * abs(constant)


def test_validation_data_do_not_leak():
    X = np.random.default_rng(0).standard_normal((10, 2))
    a, b = normalize(X, X + 100), Normalizer().fit(X)
    assert (a[0] == b.transform(X)).all()
    assert (a[1] == b.transform(X + 100)).all()
    assert a[1].mean() > 50


def test_rows_in_a_file_are_normalized_as_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("portanet.row_statistics._BLOCK", 8 * 3 * 100)  # blocks of 100 rows
    X = np.random.default_rng(0).normal([1e4, 0.0, -3.0], [1.0, 0.0, 1e-3], (1234, 3))
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    fitted, wanted = Normalizer().fit(mapped), np.asarray(mapped, np.float64)
    assert fitted.mean.dtype == fitted.std.dtype == np.float32
    np.testing.assert_array_max_ulp(fitted.mean, wanted.mean(0).astype(np.float32), 1)
    std = np.where(wanted.std(0) > 0, wanted.std(0), 1.0).astype(np.float32)
    np.testing.assert_array_max_ulp(fitted.std, std, 1)

    normalizer = Normalizer().fit(MappedArray(mapped))
    assert (normalizer.mean == fitted.mean).all()
    data = Dataset(mapped, X[:, 0], transform=batchwise(lambda X, rng: normalizer.transform(X)))
    x, _ = next(iter(DataLoader(data, batch_size=10)))
    assert (x == normalizer.transform(np.asarray(mapped)[:10])).all()


def test_rows_in_a_file_are_transformed_batch_by_batch(tmp_path):
    np.save(tmp_path / "X.npy", np.asarray([[1.0], [np.nan]]))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    with pytest.raises(DataError, match="normalize: X must be finite, holds NaN"):
        Normalizer().fit(mapped)
    normalizer = Normalizer().fit(mapped[:1])
    assert np.array_equal(normalizer.transform(mapped), [[0.0], [np.nan]], equal_nan=True)
    with pytest.raises(
        ArgumentError, match="let a data set transform its batches: transform=batch"
    ):
        normalizer.transform(MappedArray(mapped))


def test_integers_are_normalized_as_floats(backend):
    X = backend.asarray(np.arange(6).reshape(3, 2), backend.index_dtype())
    assert np.allclose(backend.to_numpy(normalize(X)).mean(axis=0), 0)
