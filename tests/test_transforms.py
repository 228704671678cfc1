"""Transforms: what a sample draws depends on seed, epoch and its number, and on nothing else."""

import re

import numpy as np
import pytest

import portanet
from portanet import MSE, SGD, DataLoader, Dataset, Linear, Sequential, Tanh, Trainer, batchwise
from portanet.errors import ArgumentError, DataError, DtypeError, PlacementError, ShapeError
from portanet.random import Key

F4 = np.float32
N = 11
X = np.random.default_rng(0).standard_normal((N, 3)).astype(F4)
Y = X[:, :1] * 2


def noise(x, rng):
    return (x + rng.normal(0, 0.1, x.shape)).astype(F4)


def swap(x, y, rng):
    return (x[::-1], -y) if rng.random() < 0.5 else (x, y)


@batchwise
def noise_of_batches(X, rng):
    return (X + rng.normal(0, 0.1, X.shape[1:])).astype(F4)


@batchwise
def swap_of_batches(X, y, rng):
    turned = (rng.random() < 0.5)[:, None]
    return np.where(turned, X[:, ::-1], X), np.where(turned, -y, y)


def wanted(epoch, seed=3):
    """The same by hand, from NumPy's Philox as it is documented: key and counter."""
    x, y = X.copy(), Y.copy()
    for i in range(N):
        for which in (0, 1):
            key = Key(seed, "transform").position()[:2]
            counter = np.array([which << 32, i, epoch, 0], np.uint64)
            rng = np.random.Generator(np.random.Philox(key=key, counter=counter))
            if which == 0:
                x[i] = noise(x[i], rng)
            else:
                x[i], y[i] = swap(x[i], y[i], rng)
    return x, y


def epochs_of(loader, n):
    """Return x and y of n epochs, in the order of the data."""
    found = []
    for _ in range(n):
        order = loader.key.generator(loader.epoch).permutation(N) if loader.shuffle else slice(None)
        x, y = (np.concatenate(of) for of in zip(*loader, strict=True))
        found.append([np.empty_like(x), np.empty_like(y)])
        found[-1][0][order], found[-1][1][order] = x, y
    return found


@pytest.mark.parametrize("transform", [[noise, swap], [noise_of_batches, swap_of_batches]])
@pytest.mark.parametrize("options", [
    {"batch_size": 4}, {"batch_size": 11, "shuffle": True}, {"batch_size": 1, "workers": 0},
    {"batch_size": 3, "shuffle": True, "workers": 3}, {"batch_size": 2, "workers": 2, "prefetch": 0},
])  # fmt: skip
def test_numbers_depend_on_seed_epoch_and_sample_only(transform, options):
    loader = DataLoader(Dataset(X, Y, transform=transform), seed=3, **options)
    for epoch, found in enumerate(epochs_of(loader, 2)):
        for got, expected in zip(found, wanted(epoch), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_the_data_stay_as_they_are():
    def overwrites(x, y, rng):
        x[:], y[:] = 0, 0
        return x, y

    x, y = X.copy(), Y.copy()
    assert all((a == 0).all() for a, _ in DataLoader(Dataset(x, y, transform=overwrites), 4))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(Dataset(x, y, transform=overwrites)[2][0], X[2])


def test_batches_of_any_backend_are_the_same(backend):
    model = Sequential([Linear(3, 1)], MSE()).to(backend.name, device=backend.device)
    batches = DataLoader(Dataset(X, Y, transform=[noise, swap]), 4, seed=3).to(model)
    x, y = (np.concatenate(list(map(backend.to_numpy, of))) for of in zip(*batches, strict=True))
    np.testing.assert_array_equal(x, wanted(0)[0])
    np.testing.assert_array_equal(y, wanted(0)[1])


def test_an_evaluation_draws_as_epoch_0_and_counts_none():
    loader = DataLoader(Dataset(X, Y, transform=[noise, swap]), 4, shuffle=True, seed=3)
    batches = loader.to(Sequential([Linear(3, 1)], MSE()))
    list(batches)
    for _ in range(2):
        with batches.in_data_order():
            x = np.concatenate([x for x, _ in batches])
        np.testing.assert_array_equal(x, wanted(0)[0])
    assert loader.epoch == 1


class Twice(DataLoader):
    def order(self):
        return np.array([5, 5, 2, 5])


def test_a_sample_that_comes_again_draws_other_numbers():
    data = Dataset(np.zeros((N, 1)), Y, transform=lambda x, rng: x + rng.random())
    whole = np.concatenate([x[:, 0] for x, _ in Twice(data, 4, seed=0)])
    assert len(set(whole)) == 4
    np.testing.assert_array_equal(
        np.concatenate([x[:, 0] for x, _ in Twice(data, 3, seed=0)]), whole
    )
    loader = Twice(data, 4, seed=0)
    assert [loader.epoch for _ in range(2) if list(loader)] == [1, 2]  # order() counts none
    assert not set(whole) & set(next(iter(loader))[0][:, 0])


def test_several_arrays_weights_and_views():
    both = {"left": X, "right": 2 * X}
    data = Dataset(
        both, Y, sample_weight=np.arange(N) + 1.0,
        transform=lambda x, rng: {"left": x["right"], "right": x["left"]},
    )  # fmt: skip
    ((x, y),) = DataLoader(data, N)
    np.testing.assert_array_equal(x["left"], 2 * X)
    np.testing.assert_array_equal(x["right"], X)
    np.testing.assert_array_equal(y["sample_weight"], np.arange(N) + 1)
    ((x, _),) = DataLoader(Dataset(X, Y, transform=lambda x, rng: (x, -x)), N)
    np.testing.assert_array_equal(x[1], -X)


def test_what_a_subclass_makes_is_transformed_too():
    class FromFiles(Dataset):
        def __init__(self, transform):
            self.transform = transform

        def __len__(self):
            return N

        def __getitem__(self, index):
            return X[index], Y[index]

    ((x, y),) = DataLoader(FromFiles([noise, swap]), N, seed=3)
    np.testing.assert_array_equal(x, wanted(0)[0])
    np.testing.assert_array_equal(y, wanted(0)[1])


def trainer(compiled, backend=None, **options):
    portanet.seed(0)
    model = Sequential([Linear(3, 4), Tanh(), Linear(4, 1)], MSE())
    if backend is not None:
        model.to(backend.name, device=backend.device)
    train = DataLoader(Dataset(X, Y, transform=[noise, swap]), 4, True, seed=3, **options)
    return Trainer(model, SGD(model, lr=0.1), train, DataLoader(Dataset(X, Y), 4), compile=compiled)


def parameters(t):
    return [t.model.backend.to_numpy(p.value) for p in t.model.parameters()]


def test_training_does_not_depend_on_workers_or_compilation(backend):
    found = []
    for options in ({"compiled": False}, {"compiled": True}, {"compiled": True, "workers": 3}):
        t = trainer(**options, backend=backend)
        t.train(4, log_level=0)
        found.append((t.history, parameters(t)))
    if backend.name == "jax":  # XLA fuses: compiled steps round otherwise, with whatever data
        readable, _ = found.pop(0)
        for row, other in zip(found[0][0], readable, strict=True):
            assert row == pytest.approx(other, rel=1e-5)
    for history, values in found[1:]:
        assert history == found[0][0]
        for value, other in zip(values, found[0][1], strict=True):
            np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_run_resumed_within_an_epoch_goes_on_with_the_same_bits(compiled, tmp_path):
    whole = trainer(compiled, workers=2)
    whole.train(4, log_level=0)
    first = trainer(compiled, workers=2)
    first.train(n_steps=7, log_level=0)  # of 3 an epoch
    portanet.save(tmp_path / "run", first.model, first.optimizer, trainer=first)
    second = trainer(compiled, workers=0, sampler=None)
    portanet.load(tmp_path / "run", second.model, second.optimizer, trainer=second)
    second.train(n_steps=5, log_level=0)
    assert second.history == whole.history
    for value, other in zip(parameters(second), parameters(whole), strict=True):
        np.testing.assert_array_equal(value, other)


def test_a_transform_that_is_assigned_is_used_from_the_next_epoch_on():
    t = trainer(True)
    t.train_dl.ds.transform = None
    t.train(1, log_level=0)
    t.train_dl.ds.transform = lambda x, rng: 0 * x
    batches = t._staged(t.train_dl).batches
    assert not batches.resident
    assert all((x == 0).all() for x, _ in batches)


@pytest.mark.parametrize(
    ("transform", "kind", "message"),
    [
        (lambda x, rng: [][1], IndexError, r"(?s)range.*in the transform <lambda>, of sample 0 \(epoch 0\)"),
        (lambda x, rng: None, DtypeError, r"(?s)must return what samples become.*in the transform"),
        (lambda x, y, rng: x, DtypeError, r"must return \(x, y\), returned ndarray"),
        (lambda x, rng: x[: 1 + (x[0] > 0)], ShapeError, r"samples of one shape, returned \(2,\) for sample 0, \(1,\) for 3"),
        (lambda x, rng: x / (x[0] > 0), DataError, r"(?s)a transform's result must be finite.*of sample 3\n.*in the transform <lambda>"),
        (lambda x, rng: "text", DtypeError, r"(?s)a transform's result must hold real numbers.*in the transform"),
        (lambda x, rng: {"a": x} if x[0] > 0 else {"b": x}, ShapeError, r"same arrays for each sample, returned \['a'\] for sample 0"),
        (batchwise(lambda X, rng: X[:1]), ShapeError, r"(?s)an array of 4 samples for as many, returned one of shape \(1, 3\).*of samples \[0, 1, 2, 3\]"),
        (batchwise(lambda X, rng: X.missing), AttributeError, r"(?s)missing.*in the transform <lambda>, of samples \[0"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the division
def test_errors_name_transform_and_sample(transform, kind, message):
    with pytest.raises(kind) as caught:
        list(DataLoader(Dataset(X, Y, transform=transform), 4))
    text = "\n".join([str(caught.value), *caught.value.__notes__])
    assert re.search(message, text), text


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (3, r"transform must be a function f\(x, rng\) or f\(x, y, rng\), or a list of them; one is 3"),
        (lambda x: x, r"transform <lambda> must take \(x, rng\) or \(x, y, rng\), takes \(x\)"),
        ([noise, None], r"one is None"),
        ([noise] * 257, r"at most 256 functions, are 257"),
    ],
)  # fmt: skip
def test_a_transform_is_checked_where_it_is_given(transform, message):
    with pytest.raises(ArgumentError, match=message):
        Dataset(X, Y, transform=transform)


def test_data_on_a_device_are_not_copied_back():
    strict = portanet.backends.get("strict")
    data = Dataset(strict.asarray(X), strict.asarray(Y), transform=noise)
    with pytest.raises(PlacementError, match=r"a transform takes NumPy arrays, X lies on"):
        list(DataLoader(data, 4))
