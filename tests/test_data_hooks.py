"""Subclasses of Dataset and DataLoader: their methods make the batches, in training and evaluation."""

import numpy as np
import pytest

import portanet
from portanet import (
    SGD,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Linear,
    Sequential,
    Tanh,
    Trainer,
    accuracy,
)
from portanet.errors import ArgumentError, DataError, DtypeError, ShapeError

F4 = np.float32
X = np.random.default_rng(0).standard_normal((23, 3)).astype(F4)
Y = X[:, 0] > 0


class Doubled(Dataset):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return 2 * x, y


class FromFiles(Dataset):
    """Has no X and y: every batch is made when it is asked for."""

    def __init__(self):
        self.asked = []

    def __len__(self):
        return 23

    def __getitem__(self, index):
        self.asked.append(index)
        return 2 * X[index], Y[index]


class FirstEight(Dataset):
    def __len__(self):
        return 8


class Shifted(DataLoader):
    def __iter__(self):
        return ((2 * x, y) for x, y in super().__iter__())


class TwiceEach(DataLoader):
    def order(self):
        return np.repeat(np.arange(5), 2)


class InThrees(DataLoader):
    def slices(self):
        return [slice(0, 3), slice(3, 6)]


class AtMostTwo(DataLoader):
    def __len__(self):
        return min(2, super().__len__())


def trainer(loader, backend, compiled=True):
    portanet.seed(0)
    model = Sequential([Linear(3, 4), Tanh(), Linear(4, 1)], BCEWithLogits())
    model.to(backend.name, device=backend.device)
    return Trainer(model, SGD(model, lr=0.5), loader, loader, accuracy, compile=compiled)


OWN = {
    "Dataset.__getitem__": (lambda X: DataLoader(Doubled(X, Y), 4, True, seed=1), 2 * X, Y),
    "no X and y": (lambda X: DataLoader(FromFiles(), 4, True, seed=1), 2 * X, Y),
    "DataLoader.__iter__": (lambda X: Shifted(Dataset(X, Y), 4, True, seed=1), 2 * X, Y),
    "order": (lambda X: TwiceEach(Dataset(X, Y), 4), np.repeat(X[:5], 2, 0), np.repeat(Y[:5], 2)),
    "slices": (lambda X: InThrees(Dataset(X, Y), 4), X[:6], Y[:6]),
    "Dataset.__len__": (
        lambda X: DataLoader(FirstEight(X, Y), 4, True, seed=1),
        X[:8],
        Y[:8],
    ),
    "DataLoader.__len__": (lambda X: AtMostTwo(Dataset(X, Y), 4), X[:8], Y[:8]),
}


@pytest.mark.some_on_jax("name")
@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("compiled", [False, True])
def test_they_are_trained_and_evaluated_on(backend, name, compiled):
    """Twice the inputs, or other samples, give the numbers of a plain data set with these."""
    make, inputs, targets = OWN[name]
    mine = trainer(make(X), backend, compiled)
    plain = Dataset(inputs, targets)
    size = 3 if name == "slices" else 4
    wanted = trainer(DataLoader(plain, size, mine.train_dl.shuffle, seed=1), backend, False)
    for t in (mine, wanted):
        t.train(5, log_level=0)
    for row, other in zip(mine.history, wanted.history, strict=True):
        assert row == pytest.approx(other, rel=1e-5)
    assert mine.compiled is None or mine.compiled.refused is None


@pytest.mark.parametrize("name", ["Dataset.__getitem__", "DataLoader.__iter__", "order"])
def test_compiled_steps_are_replayed_on_their_batches(name):
    t = trainer(OWN[name][0](X), portanet.backends.get("numpy"))
    t.train(5, log_level=0)
    assert any(planned.verified for planned in t.compiled.plans.values())


def test_methods_of_an_instance_are_used_too():
    loader = DataLoader(Dataset(X, Y), 4)
    loader.order = lambda: np.array([2, 0])
    loader.slices = lambda: [slice(0, 2)]
    ((x, _),) = loader.to(Sequential([Linear(3, 1)], BCEWithLogits()))
    np.testing.assert_array_equal(x, X[[2, 0]])
    loader = DataLoader(Dataset(X, Y), 4)
    loader.__iter__ = lambda: iter([(X[:1], Y[:1])])
    ((x, _),) = loader.to(Sequential([Linear(3, 1)], BCEWithLogits()))
    np.testing.assert_array_equal(x, X[:1])


def test_a_data_set_is_asked_for_slices_and_sample_numbers():
    data = FromFiles()
    list(DataLoader(data, 20))
    list(DataLoader(data, 20, True, seed=0))
    assert data.asked[:2] == [slice(0, 20), slice(20, 23)]
    np.testing.assert_array_equal(np.sort(np.concatenate(data.asked[2:])), np.arange(23))


def test_rows_of_arrays_anywhere_are_taken_by_numbers_of_the_host(backend):
    x, y = backend.asarray(X, "float32"), backend.asarray(Y)
    rows = np.array([3, 0])
    for index, wanted in ((rows, X[rows]), (slice(1, 3), X[1:3])):
        np.testing.assert_array_equal(backend.to_numpy(Dataset(x, y)[index][0]), wanted)
    loader = DataLoader(Doubled(x, y), 23, True, seed=0)
    ((got, _),) = loader
    rows = loader.key.generator(0).permutation(23)
    np.testing.assert_array_equal(backend.to_numpy(got), 2 * X[rows])


class Batched(DataLoader):
    """Yields what it is told to, whatever the data set is."""

    batches = ()

    def __iter__(self):
        return iter(self.batches)


@pytest.mark.parametrize(
    ("batch", "kind", "message"),
    [
        (X, DtypeError, r"Batched: a batch must be a pair \(x, y\), is ndarray of shape \(23, 3\); yield the inputs"),
        ((X, Y, Y), DtypeError, r"Batched: a batch must be a pair \(x, y\), is tuple of length 3"),
        ((X, Y[:4]), ShapeError, r"Batched: y must have one entry for each of the 23 samples in X, has 4"),
        ((X[:0], Y[:0]), DataError, r"Batched: X must hold samples, has the shape \(0, 3\)"),
        ((X * np.nan, Y), DataError, r"X must be finite, 69 of"),
        ((X, np.full(23, np.inf)), DataError, r"y must be finite"),
        ((X, 3 * Y), DataError, r"BCEWithLogits: y must hold labels 0 and 1"),
        ((X[:, :2], Y), ShapeError, r"the network cannot take X of shape \(23, 2\): layers.0 Linear"),
    ],
)  # fmt: skip
def test_their_batches_are_checked(batch, kind, message):
    t = trainer(Batched(Dataset(X, Y), 4), portanet.backends.get("numpy"))
    t.train_dl.batches = [(X, Y), batch]
    t.val_dl = None
    with pytest.raises(kind, match=message):
        t.train(1, log_level=0)


def test_lists_and_other_dtypes_are_cast(backend):
    t = trainer(Batched(Dataset(X, Y), 4), backend)
    t.train_dl.batches = [(X.astype("float64").tolist(), Y.tolist())]
    ((x, y),) = t.train_dl.to(t.model)
    assert x.dtype == y.dtype == backend.dtype("float32")
    np.testing.assert_array_equal(backend.to_numpy(x), X)


def test_a_loader_without_batches_is_an_error():
    class Once(DataLoader):
        def __iter__(self):
            return self.left

    loader = Once(Dataset(X, Y), 4)
    loader.left = iter([(X, Y)])
    t = trainer(loader, portanet.backends.get("numpy"))
    t.val_dl = None
    with pytest.raises(
        DataError, match=r"Once: an epoch must have at least one batch, has none.*__iter__ yields"
    ):
        t.train(2, log_level=0)
    assert len(t.history) == 1
    loader = DataLoader(Dataset(X, Y), 16)
    loader.drop_last, loader.batch_size = True, 24
    with pytest.raises(
        DataError,
        match=r"DataLoader: an epoch must have at least one batch.*batch_size and drop_last",
    ):
        list(loader.to(t.model))


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (
            np.array([0.0, 1.0]),
            r"Own.order: must return the numbers of samples.*returned float64 \(2,\)",
        ),
        (np.zeros((2, 2), int), r"Own.order: must return.*returned int64 \(2, 2\)"),
        ([0, 23], r"Own.order: must return numbers of samples in \[0, 23\); returned 23"),
        ([0, -1], r"Own.order: must return numbers of samples in \[0, 23\); returned -1"),
    ],
)
def test_an_order_is_checked(order, message):
    class Own(DataLoader):
        def order(self):
            return order

    with pytest.raises(ArgumentError, match=message):
        list(Own(Dataset(X, Y), 4).to(Sequential([Linear(3, 1)], BCEWithLogits())))


@pytest.mark.parametrize("part", [slice(0, 4, 2), slice(23, 30), slice(3, 3), [0, 1]])
def test_slices_are_checked(part):
    class Own(DataLoader):
        def slices(self):
            return [part]

    with pytest.raises(
        ArgumentError, match=r"Own.slices: must return slices without a step.*23 samples"
    ):
        list(Own(Dataset(X, Y), 4))


def test_an_order_that_counts_epochs_is_given_back_its_count():
    class Reversed(DataLoader):
        def order(self):
            self.epoch += 1
            order = super().order()
            return np.arange(len(self.ds)) if order is None else order[::-1]

    t = trainer(Reversed(Dataset(X, Y), 4, True, seed=0), portanet.backends.get("numpy"))
    t.evaluate(t.val_dl)
    assert t.val_dl.epoch == 0


def test_a_data_set_without_a_length_says_so():
    class Files(Dataset):
        def __init__(self):
            pass

    with pytest.raises(
        ArgumentError,
        match=r"Files: a data set needs __getitem__ and __len__.*super\(\).__init__\(X, y\)",
    ):
        DataLoader(Files(), 4)
