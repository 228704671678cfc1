"""Blocks: batches of memory maps that are read at once are those that are read one by one."""

import numpy as np
import pytest

from portanet import CrossEntropy, DataLoader, Dataset, Linear, Sequential
from portanet.data import Batches, blocks
from portanet.data.mapped import MappedArray
from portanet.errors import DataError, ShapeError

N = 45


def mapped(array, path):
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def data(folder):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((N, 3)).astype("f4"), rng.integers(0, 3, N)
    return mapped(X, folder / "x.npy"), y


def batches(X, y, **options):
    model = Sequential([Linear(3, 3)], CrossEntropy())
    return Batches(DataLoader(Dataset(X, y), 4, seed=3, **options), model)


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"workers": 0}, {"workers": 3}])
def test_batches_in_blocks_are_those_of_arrays_in_memory(options, tmp_path):
    X, y = data(tmp_path)
    in_memory = {name: value for name, value in options.items() if name == "shuffle"}
    epochs = zip(batches(X, y, **options), batches(np.array(X), y, **in_memory), strict=True)
    for (x, target), (expected, expected_target) in epochs:
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(target, expected_target)


@pytest.mark.parametrize("options", [{}, {"shuffle": True}])
def test_ranks_have_their_rows_of_blocks(options, tmp_path):
    """The second half of each batch, and none of the last one, which has one row."""
    X, y = data(tmp_path)

    def own(part):
        return slice(part.start + (part.stop - part.start + 1) // 2, part.stop)

    found = batches(X, y, **options).lazy(own=own)
    for batch, (x, _) in zip(found, batches(np.array(X), y, **options), strict=True):
        np.testing.assert_array_equal(batch.gathered()[0], x[(len(x) + 1) // 2 :])
        assert batch.n_joined == len(x)


def test_several_batches_are_read_by_one_call(tmp_path, monkeypatch):
    X, y = data(tmp_path)
    read, of_class = [], MappedArray.read

    def noted(self, rows):
        read.append(rows)
        return of_class(self, rows)

    monkeypatch.setattr(MappedArray, "read", noted)
    monkeypatch.setattr(MappedArray, "block_bytes", 7 * 4 * 12)  # seven batches of 4 rows
    assert len(list(batches(X, y))) == 12
    assert read == [slice(0, 28), slice(28, 45)]


@pytest.mark.parametrize("bad", ["number", "target"])
def test_an_error_comes_in_the_turn_of_its_batch(bad, tmp_path):
    X, y = data(tmp_path)
    if bad == "number":
        X = mapped(np.where(np.arange(N)[:, None] == 21, np.nan, X), tmp_path / "nan.npy")
    else:
        y[21] = 3
    found = iter(batches(X, y))
    for start in range(0, 20, 4):
        np.testing.assert_array_equal(next(found)[0], X[start : start + 4])
    with pytest.raises((DataError, ShapeError), match="NaN" if bad == "number" else "3"):
        next(found)


def test_rows_are_taken_a_part_at_a_time(tmp_path, monkeypatch):
    """Pages of many places at once would be more memory than is allowed."""
    monkeypatch.setattr("portanet.data.mapped._AT_ONCE", 4)
    X, _ = data(tmp_path)
    rows = np.random.default_rng(1).integers(0, N, 14)
    np.testing.assert_array_equal(MappedArray(X).read(rows), np.array(X)[rows])


def test_what_costs_more_than_its_bytes_is_read_batch_by_batch(tmp_path):
    X, y = data(tmp_path)

    def size(**options):
        loader = DataLoader(Dataset(X, y, transform=options.pop("transform", None)), 4, **options)
        return blocks.batches_a_block(loader, blocks.Reader(loader.ds, loader.key))

    assert size() == 16
    assert size(prefetch=2) == size(processes=True, workers=1) == 1
    assert size(transform=lambda x, rng: x) == 1
