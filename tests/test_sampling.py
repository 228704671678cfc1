"""Samplers: how often samples are drawn, and that it depends on seed and epoch only."""

import numpy as np
import pytest

import portanet
from portanet import (
    MSE,
    SGD,
    BalancedSampler,
    DataLoader,
    Dataset,
    Linear,
    Sequential,
    Trainer,
    WeightedSampler,
)
from portanet.errors import ArgumentError, DataError, ShapeError

F4 = np.float32
X = np.arange(12, dtype=F4)[:, None] / 8
Y = np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 5, 5, 5])


def numbers(loader):
    return (8 * np.concatenate([x[:, 0] for x, _ in loader])).astype(int)


def chi_square(counts, wanted):
    return float(((counts - wanted) ** 2 / wanted).sum())


def test_weights_are_probabilities():
    """Chi-square of 10 degrees is above 40 once in 60 000 tries; what has weight 0 never comes."""
    weights = np.arange(12.0)
    loader = DataLoader(Dataset(X, Y), 64, sampler=WeightedSampler(weights, n=20_000), seed=0)
    counts = np.bincount(numbers(loader), minlength=12)
    assert len(loader) == 313
    assert counts[0] == 0
    assert counts.sum() == 20_000
    assert chi_square(counts[1:], 20_000 * weights[1:] / 66) < 40


@pytest.mark.parametrize("y", [Y, Y[:, None], Y == 5])
def test_classes_come_equally_often_and_their_samples_too(y):
    loader = DataLoader(Dataset(X, y), 100, sampler=BalancedSampler(n=20_000), seed=1)
    found = numbers(loader)
    classes, which, sizes = np.unique(y, return_inverse=True, return_counts=True)
    of_each = sizes[which.ravel()]
    wanted = 20_000 / len(classes) / of_each
    assert chi_square(np.bincount(found, minlength=12), wanted) < 45  # 11 degrees: 1 in 200 000


def test_draws_are_numpy_searches_in_the_sums_of_weights():
    """The formula by hand: sample i if w_0 + … + w_(i-1) <= u Σ w < w_0 + … + w_i."""
    loader = DataLoader(Dataset(X, Y), 5, sampler=WeightedSampler([1, 0, 2] + 9 * [0]), seed=4)
    for epoch in (0, 1):
        u = loader.key.generator(epoch).random(12)
        np.testing.assert_array_equal(numbers(loader), np.where(u < 1 / 3, 0, 2))


def test_batches_of_any_backend_are_the_same(backend):
    model = Sequential([Linear(1, 1)], MSE()).to(backend.name, device=backend.device)
    loader = DataLoader(Dataset(X, Y), 5, sampler="balanced", seed=2)
    wanted = [x for x, _ in loader]
    loader.epoch = 0
    found = [backend.to_numpy(x) for x, _ in loader.to(model)]
    assert [len(x) for x in found] == [5, 5, 2]
    for x, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(x, other)


def test_the_last_batch():
    data = Dataset(X, Y)
    sizes = {
        (n, drop): [len(x) for x, _ in DataLoader(data, 4, drop_last=drop, sampler=BalancedSampler(n))]
        for n in (4, 6) for drop in (True, False)
    }  # fmt: skip
    assert sizes == {(4, True): [4], (4, False): [4], (6, True): [4], (6, False): [4, 2]}
    with pytest.raises(ArgumentError, match=r"batch_size must be at most the 3 samples"):
        DataLoader(data, 4, drop_last=True, sampler=BalancedSampler(3))


def trainer(compiled):
    portanet.seed(0)
    model = Sequential([Linear(1, 4), Linear(4, 1)], MSE())
    loader = DataLoader(Dataset(X, Y), 5, sampler="balanced", seed=2)
    return Trainer(model, SGD(model, lr=0.01), loader, loader, compile=compiled)


def test_compiled_and_resumed_runs_are_the_same(tmp_path):
    runs = [trainer(compiled) for compiled in (False, True, True)]
    for t in runs[:2]:
        t.train(4, log_level=0)
    runs[2].train(n_steps=7, log_level=0)
    portanet.save(tmp_path / "run", runs[2].model, runs[2].optimizer, trainer=runs[2])
    resumed = trainer(True)
    portanet.load(tmp_path / "run", resumed.model, resumed.optimizer, trainer=resumed)
    resumed.train(n_steps=5, log_level=0)
    for t in (runs[1], resumed):
        assert t.history == runs[0].history
        for p, q in zip(t.model.parameters(), runs[0].model.parameters(), strict=True):
            np.testing.assert_array_equal(p.value, q.value)
    assert runs[1].compiled.refused is None
    assert any(planned.verified for planned in runs[1].compiled.plans.values())


def test_an_evaluation_takes_every_sample_once():
    t = trainer(True)
    loss, _ = t.evaluate(t.train_dl)
    plain, _ = t.evaluate(DataLoader(Dataset(X, Y), 5))
    assert loss == plain
    assert t.train_dl.epoch == 0


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: WeightedSampler([[1.0]]), ShapeError, r"weights must be \(N,\), one for each sample, are \(1, 1\)"),
        (lambda: WeightedSampler([1, -1]), DataError, r"weights must be >= 0, and one > 0; they lie in \[-1, 1\]"),
        (lambda: WeightedSampler([0, 0]), DataError, r"one > 0; they lie in \[0, 0\]"),
        (lambda: WeightedSampler([1, np.nan]), DataError, r"weights must be finite"),
        (lambda: WeightedSampler([1], n=0), ArgumentError, r"n must be an integer >= 1, is 0"),
        (lambda: list(DataLoader(Dataset(X, Y), 4, sampler=WeightedSampler([1, 2]))), ShapeError, r"weights must be \(12,\).*are \(2,\)"),
        (lambda: list(DataLoader(Dataset(X, X), 4, sampler="balanced")), ArgumentError, r"y must be classes.*is float32 \(12,\)"),
        (lambda: list(DataLoader(Dataset(X, {"a": Y}), 4, sampler="balanced")), ArgumentError, r"one y of classes, has several"),
        (lambda: DataLoader(Dataset(X, Y), 4, sampler="balance"), ArgumentError, r"sampler must be 'balanced'.*is 'balance'"),
        (lambda: DataLoader(Dataset(X, Y), 4, True, sampler="balanced"), ArgumentError, r"shuffle must be False with a sampler"),
    ],
)  # fmt: skip
def test_errors(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
