"""Sources of data: what they hold comes out the same, to the bit, wherever it lies."""

import mmap

import numpy as np
import pytest
from data_sources import SOURCES, N, OnlyRows, mapped, numbers
from scipy.sparse import csr_array

from portanet import (
    SGD,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Linear,
    ReLU,
    Sequential,
    Trainer,
    accuracy,
    load,
    save,
    seed,
)
from portanet.data.mapped import MappedArray
from portanet.errors import DataError, DtypeError


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    """Return a function that puts an array into each kind of source in turn."""
    return lambda x, name: SOURCES[request.param](x, tmp_path, name)


def trainer(X, y, *, drop_last=False, weights=None, compiled=False):
    seed(3)
    model = Sequential([Linear(5, 4), ReLU(), Linear(4, 1)], BCEWithLogits())
    data = Dataset(X, y, sample_weight=weights)
    train = DataLoader(data, 4, shuffle=True, seed=2, drop_last=drop_last)
    optimizer, val = SGD(model, lr=0.5), DataLoader(data, 6)
    return Trainer(model, optimizer, train, val, metric=accuracy, compile=compiled)


def result(run):
    """What a run has come to, in bits."""
    weights = [p.value.tobytes() for p in run.model.parameters()]
    return [tuple(row.values()) for row in run.history], weights


@pytest.mark.parametrize("drop_last", [False, True])
def test_training_is_the_same_from_every_source(source, drop_last):
    X, y = numbers()
    weights = np.linspace(0, 1, N)
    expected = trainer(X, y, drop_last=drop_last, weights=weights)
    run = trainer(source(X, "X"), source(y, "y"), drop_last=drop_last, weights=weights)
    for each in (expected, run):
        each.train(3, log_level=0)
    assert run.n_steps == 3 * (5 if drop_last else 6)
    assert result(run) == result(expected)


def test_compiled_training_is_the_same_from_a_file(tmp_path):
    X, y = numbers()
    expected = trainer(X, y, compiled=True)
    run = trainer(mapped(X, tmp_path, "X"), csr_array(y.reshape(-1, 1)), compiled=True)
    for each in (expected, run):
        each.train(3, log_level=0)
    assert run.compiled.refused is None
    assert result(run) == result(expected)


def test_a_run_goes_on_within_an_epoch_from_every_source(source, tmp_path):
    X, y = numbers()
    expected = trainer(X, y)
    expected.train(3, log_level=0)
    first = trainer(source(X, "X"), source(y, "y"))
    first.train(n_steps=8, log_level=0)
    save(tmp_path / "run", first.model, first.optimizer, trainer=first)
    run = trainer(source(X, "X2"), source(y, "y2"))
    load(tmp_path / "run", run.model, run.optimizer, trainer=run)
    run.train(n_steps=10, log_level=0)
    assert result(run) == result(expected)


def test_loops_samples_and_predictions_are_the_same_from_every_source(source):
    X, y = numbers()
    data = Dataset(source(X, "X"), source(y, "y"))
    assert len(data) == N
    np.testing.assert_array_equal(data[3][0], X[3])
    np.testing.assert_array_equal(data[-1][0], X[-1])
    for index in (slice(2, 9), slice(None, None, -2), np.array([5, 5, 0]), slice(4, 4)):
        np.testing.assert_array_equal(data[index][0], X[index])
        np.testing.assert_array_equal(data[index][1], y[index])
    loader, expected = (DataLoader(d, 5, True, seed=1) for d in (data, Dataset(X, y)))
    for (x, t), (wanted, label) in zip(loader, expected, strict=True):
        np.testing.assert_array_equal(x, wanted)
        np.testing.assert_array_equal(t, label)
    model = trainer(X, y).model
    np.testing.assert_array_equal(
        model.predict(source(X, "X2"), batch_size=6), model.predict(X, batch_size=6)
    )


def test_batches_lie_where_the_model_lies(backend):
    X, y = numbers()
    model = trainer(X, y).model.to(backend.name, device=backend.device)
    batches = list(DataLoader(Dataset(csr_array(X), OnlyRows(y)), 4).to(model))
    found = np.concatenate([backend.to_numpy(x) for x, _ in batches])
    np.testing.assert_array_equal(found, X)
    assert batches[0][0].dtype == backend.dtype("float32")


def test_what_was_given_stays_the_data_sets():
    X, y = OnlyRows(numbers()[0]), csr_array(numbers()[0])
    data = Dataset({"a": X}, y)
    assert data.X["a"] is X
    assert data.y is y
    assert repr(data) == "Dataset({a: (23, 5) float32}, (23, 5) float32)"


def test_a_stored_array_is_asked_once_a_batch_and_never_as_a_whole():
    X, y = OnlyRows(numbers()[0]), numbers()[1]
    list(DataLoader(Dataset(X, y), 4, shuffle=True, seed=0))
    assert len(X.asked) == 6
    X.asked.clear()
    list(DataLoader(Dataset(X, y), 4))
    assert X.asked == [slice(i, min(i + 4, N)) for i in range(0, N, 4)]


def test_a_sparse_matrix_stays_sparse(monkeypatch):
    """Rows are made dense four at a time."""
    X, y = numbers()
    made, toarray = [], csr_array.toarray

    def noted(self, *args, **options):
        made.append(self.shape)
        return toarray(self, *args, **options)

    monkeypatch.setattr(csr_array, "toarray", noted)
    list(DataLoader(Dataset(csr_array(X), y), 4).to(trainer(X, y).model))
    assert made == [(4, 5)] * 5 + [(3, 5)]


def test_entries_of_a_coordinate_matrix_that_repeat_add_up():
    from scipy.sparse import coo_array

    X = coo_array((np.array([1.0, 2.0, 4.0]), ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    np.testing.assert_array_equal(Dataset(X, [0, 1])[:][0], [[0, 3], [4, 0]])


def test_a_stored_array_that_gives_other_rows_is_refused():
    X, y = OnlyRows(numbers()[0]), numbers()[1]
    data = Dataset(X, y)
    X.x = X.x[:20]
    with pytest.raises(
        DataError, match=r"3 rows of X must be of shape \(3, 5\); OnlyRows.*\(0, 5\)"
    ):
        list(DataLoader(data, 4))


def test_stored_numbers_that_are_not_finite_are_found_in_their_batch():
    X, y = numbers()
    X[9, 2] = np.inf
    with pytest.raises(DataError, match="X must be finite, 1 of its numbers"):
        list(DataLoader(Dataset(OnlyRows(X), y), 4).to(trainer(X, y).model))


def test_stored_objects_are_refused():
    with pytest.raises(
        DtypeError, match="X must hold real numbers, is of dtype object; write it as"
    ):
        Dataset(OnlyRows(np.array([[1], [2, 3]], object)), [0, 1])


def test_other_libraries_sparse_arrays_are_refused():
    torch = pytest.importorskip("torch", reason="sparse tensors of PyTorch")
    with pytest.raises(
        DtypeError, match=r"X must be.*is torch's sparse Tensor; call X.to_dense\(\)"
    ):
        Dataset(torch.eye(2).to_sparse(), [0, 1])


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_pages_of_a_map_are_given_back_and_read_again(tmp_path, monkeypatch, mode):
    """What was written into a copy-on-write map would be lost with its pages: they are kept."""
    monkeypatch.setattr("portanet.data.mapped._KEPT", 0)
    monkeypatch.setattr("portanet.data.mapped.file_below", lambda x: None)
    x = numbers()[0]
    mapped(x, tmp_path, "x")
    source, expected = np.load(tmp_path / "x.npy", mmap_mode=mode), x.copy()
    array, given_back = MappedArray(source), []
    if hasattr(mmap, "MADV_DONTNEED"):
        actual = array._map

        class Noted:
            def madvise(self, advice):
                given_back.append(advice)
                actual.madvise(advice)

        array._map = Noted()
    if mode != "r":
        source[4] = expected[4] = 8
    for rows in (slice(0, N), np.array([4, 4, 0])):
        np.testing.assert_array_equal(array.read(rows), expected[rows])
    assert bool(given_back) == (mode != "c")


def odd_map(kind, folder):
    """Return a map whose rows do not lie there as NumPy's own arrays do."""
    if kind == "begins at byte 1":
        np.concatenate([[0], np.arange(N * 3, dtype="<f4").view(np.uint8)]).astype("u1").tofile(
            folder / "x"
        )
        return np.memmap(folder / "x", "<f4", "r", offset=1, shape=(N, 3))
    whole = np.memmap(folder / "x", ">f4", "w+", shape=(N, 6))
    whole[...] = np.arange(N * 6).reshape(N, 6)
    return {"big-endian": whole, "every other column": whole[:, ::2], "later rows": whole[3:]}[kind]


@pytest.mark.parametrize(
    "kind", ["begins at byte 1", "big-endian", "every other column", "later rows"]
)
def test_rows_of_any_map_are_read_as_copies(kind, tmp_path):
    source, rows = odd_map(kind, tmp_path), np.array([4, 1, 4, 0])
    array = MappedArray(source)
    for which in (rows, slice(1, 4)):
        found = array.read(which)
        assert (found.dtype, found.dtype.isnative) == (np.dtype("f4"), True)
        assert found.flags.c_contiguous
        assert not np.shares_memory(found, source)
        np.testing.assert_array_equal(found, np.array(source)[which])


def test_rows_picked_from_a_map_are_in_memory(tmp_path):
    X, y = mapped(numbers()[0], tmp_path, "X"), numbers()[1]
    model = trainer(X, y).model
    assert not DataLoader(Dataset(X[3:], y[3:]), 4).to(model).resident
    assert DataLoader(Dataset(X[np.arange(3, N)], y[3:]), 4).to(model).resident
