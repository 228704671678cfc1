"""Streams: samples of unknown number, stacked, shuffled in a buffer, begun anew, resumed."""

import numpy as np
import pytest

from portanet import (
    SGD,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Linear,
    Sequential,
    Stream,
    Trainer,
    accuracy,
    load,
    save,
    seed,
)
from portanet.callbacks import Progress
from portanet.errors import ArgumentError, DataError, DtypeError, ShapeError

N = 23
X = np.random.default_rng(0).standard_normal((N, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def samples():
    yield from zip(X, Y, strict=True)


def numbers(n=N):
    return ((np.array([float(i)]), 0) for i in range(n))


def ids(batches):
    return [int(v) for x, _ in batches for v in x[:, 0]]


def trainer(train, val=None, weighted=False):
    seed(3)
    model = Sequential([Linear(3, 1)], BCEWithLogits())
    return Trainer(model, SGD(model, lr=0.5), train, val, metric=accuracy, compile=False)


def result(run):
    return [tuple(row.values()) for row in run.history], [
        p.value.tobytes() for p in run.model.parameters()
    ]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(
    "source", [samples, list(samples()), lambda epoch: samples()], ids=["function", "list", "epoch"]
)
def test_a_stream_trains_like_the_same_data_in_memory(source, drop_last):
    expected = trainer(
        DataLoader(Dataset(X, Y), 4, drop_last=drop_last), DataLoader(Dataset(X, Y), 6)
    )
    run = trainer(Stream(source, 4, drop_last=drop_last), Stream(source, 6))
    for each in (expected, run):
        each.train(3, log_level=0)
        assert each.n_steps == 3 * (5 if drop_last else 6)
    assert result(run) == result(expected)
    assert run.steps_per_epoch is None
    assert run.evaluate(Stream(source, 5)) == expected.evaluate(DataLoader(Dataset(X, Y), 5))


def test_batches_and_weights_of_a_stream(backend):
    weights = np.linspace(0, 1, N).astype(np.float32)
    expected = trainer(DataLoader(Dataset(X, Y, sample_weight=weights), 4))
    run = trainer(Stream(list(zip(X, Y, weights, strict=True)), 4))
    whole = trainer(Stream(lambda: ((X[i : i + 4], Y[i : i + 4]) for i in range(0, N, 4)), None))
    for each in (expected, run, whole):
        each.model.to(backend.name, device=backend.device)
        each.train(2, log_level=0)
    assert run.history == expected.history
    assert len(whole.history) == 2
    assert whole.history != run.history


def test_several_arrays_and_plain_numbers_are_stacked():
    items = [({"a": [1, 2], "n": np.int64(i)}, (np.ones(2), np.float32(i))) for i in range(3)]
    ((x, y),) = Stream(items, 3)
    np.testing.assert_array_equal(x["a"], [[1, 2]] * 3)
    np.testing.assert_array_equal(x["n"], [0, 1, 2])
    assert (y[0].shape, y[1].tolist()) == ((3, 2), [0, 1, 2])
    ((x, y),) = Stream([((1.0, 2.0), 3)], 1)
    assert (x.tolist(), y.tolist()) == ([[1, 2]], [3])


@pytest.mark.parametrize("size", [2, 5, N, 100])
def test_a_buffer_shuffles_by_seed_and_epoch(size):
    stream = Stream(numbers, 4, size, seed=1)
    first, second = ids(stream), ids(stream)
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    again = Stream(numbers, 4, size, seed=1)
    assert (ids(again), ids(again)) == (first, second)
    assert ids(Stream(numbers, 4, size, seed=2)) != first
    # what comes at place i has been read by then
    assert all(number < place + size for place, number in enumerate(first))
    if size == 2:
        assert len({number - place for place, number in enumerate(first)}) > 2


def test_a_large_buffer_gives_every_order_alike():
    """Place of sample 0 among 6, 600 epochs: chi-square of 5 degrees, 20.5 at 0.1 %."""
    stream = Stream(lambda: numbers(6), 6, 6, seed=0)
    places = np.bincount([ids(stream).index(0) for _ in range(600)], minlength=6)
    assert ((places - 100) ** 2 / 100).sum() < 20.5


@pytest.mark.parametrize("n_before", [3, 6, 8])
def test_a_run_goes_on_within_an_epoch(tmp_path, n_before):
    def stream():
        return Stream(samples, 4, 9, seed=1)

    expected = trainer(stream(), stream())
    expected.train(3, log_level=0)
    first = trainer(stream(), stream())
    first.train(n_steps=n_before, log_level=0)
    save(tmp_path / "run", first.model, first.optimizer, trainer=first)
    loaded = trainer(stream(), stream())
    load(tmp_path / "run", loaded.model, loaded.optimizer, trainer=loaded)
    for run in (first, loaded):
        run.train(3 - len(run.history), log_level=0)
        assert result(run) == result(expected)


def test_an_iterator_is_read_once():
    run = trainer(Stream(samples(), 4))
    run.train(n_steps=2, log_level=0)
    run.train(n_steps=4, log_level=0)  # the same epoch goes on
    run.train(1, log_level=0)
    expected = trainer(Stream(samples, 4))
    expected.train(1, log_level=0)
    assert result(run) == result(expected)
    with pytest.raises(DataError, match=r"epoch 1 has none; an iterator can be read once: give a"):
        run.train(1, log_level=0)


def test_epochs_of_an_endless_iterator_go_on():
    def endless():
        i = 0
        while True:
            yield np.array([float(i)]), 0
            i += 1

    stream = Stream(endless(), 2, batches_per_epoch=3)
    assert len(stream) == 3
    assert [ids(stream), ids(stream)] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    resumed = Stream(endless(), 2, batches_per_epoch=3)
    resumed.epoch = 1
    assert ids(resumed.from_batch(1)) == [8, 9, 10, 11]
    resumed.epoch = 0
    with pytest.raises(
        DataError, match="batch 0 of epoch 0 must come next, and the iterator cannot"
    ):
        ids(resumed)
    assert [ids(Stream(endless, 2, batches_per_epoch=2)) for _ in range(2)] == [[0, 1, 2, 3]] * 2


def test_a_function_is_called_with_the_epoch():
    asked = []

    def of_epoch(epoch):
        asked.append(epoch)
        return list(zip(X, Y, strict=True))

    trainer(Stream(of_epoch, 8)).train(3, log_level=0)
    assert asked == [0, 1, 2]


def test_evaluations_take_the_samples_in_their_order_and_count_no_epoch():
    stream = Stream(samples, 4, 9, seed=1)
    run = trainer(stream)
    before = run.evaluate(stream)
    assert before == trainer(DataLoader(Dataset(X, Y), 4)).evaluate(DataLoader(Dataset(X, Y), 4))
    assert stream.epoch == 0
    with pytest.raises(DataError, match="an evaluation must begin anew each time, is an iterator"):
        run.evaluate(Stream(samples(), 4))


def test_progress_of_a_stream(capsys):
    seed(3)
    model = Sequential([Linear(3, 1)], BCEWithLogits())
    Trainer(model, SGD(model, lr=0.5), Stream(samples, 4), callbacks=[Progress(always=True)]).train(
        1
    )
    assert "epoch 0: 0batch [00:00, ?batch/s]" in capsys.readouterr().err


def test_a_stream_has_no_length():
    stream = Stream(samples, 4)
    with pytest.raises(TypeError, match="nobody knows how many batches"):
        len(stream)
    assert stream
    assert repr(Stream([], 4, 10)) == "Stream([], 4, shuffle_buffer=10)"
    model = Sequential([Linear(3, 1)], BCEWithLogits())
    assert repr(stream.to(model)).startswith("Batches(Stream(")


BAD = {
    "a path": (lambda: Stream("data.csv", 4), ArgumentError, "source must be an iterable.*'data.csv'"),
    "a number": (lambda: Stream(3, 4), ArgumentError, "source must be an iterable of samples.*is 3"),
    "batch size 0": (lambda: Stream(samples, 0), ArgumentError, "Stream: batch_size must be an int"),
    "a buffer of -1": (lambda: Stream(samples, 1, -1), ArgumentError, "Stream: shuffle_buffer must"),
    "no iterable": (lambda: list(Stream(lambda: None, 4)), DataError, "epoch 0 it returned None"),
    "nothing": (lambda: list(Stream([], 4)), DataError, "epoch 0 has none; look at the source"),
    "no full batch": (lambda: list(Stream(samples, 50, drop_last=True)), DataError, "has none; look"),
    "inputs alone": (lambda: list(Stream(list(X), 4)), DtypeError, r"a sample must be a tuple \(x, y\)"),
    "batches for samples": (lambda: list(Stream([(X, Y, Y, Y)], 4)), DtypeError, "batch_size=None"),
    "two shapes": (lambda: list(Stream([(X[0], 0), (X[0, :2], 0)], 4)), ShapeError, r"x of all.*number 1 of its batch is \(2,\), number 0 \(3,\)"),
    "two forms": (lambda: list(Stream([({"a": 1}, 0), ({"b": 1}, 0)], 4)), ShapeError, "x of all samples must have one form"),
    "NaN": (lambda: trainer(Stream([(X[0] * np.nan, 0)], 4)).train(1), DataError, "X must be finite, 3 of"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_streams_are_met_by_clear_errors(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()
