"""A trainer's clipping, accumulation and average of weights: by an oracle, saved, and refused."""

from typing import Any

import numpy as np
import pytest
from test_callbacks import Falls, same_bits
from test_callbacks import make as made

import portanet
from portanet import SGD, DataLoader, Dataset, ExponentialMovingAverage, Linear, Sequential, Trainer
from portanet.callbacks import Callback, Checkpoints, EarlyStopping
from portanet.errors import ArgumentError

EPOCH = 4  # batches, the last one of two samples


def make(*given: Any, **options: Any) -> Any:
    return made(*given, **options)


def weights(trainer):
    backend = trainer.model.backend
    return {n: backend.to_numpy(p.value) for n, p in trainer.model.named_parameters().items()}


def averages(trainer):
    with trainer.weights():
        return weights(trainer)


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


# options of the optimizer


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("options", [{"clip_norm": 0.1}, {"clip_value": 0.01, "accumulate": 3}])
def test_options_are_the_optimizers(compiled, options):
    given, passed_on = make(compile=compiled), make(compile=compiled, **options)
    for name, value in options.items():
        setattr(given.optimizer, name, value)
    for trainer in (given, passed_on):
        trainer.train(3, log_level=0)
    same_bits(given, passed_on)
    assert weights(make(compile=compiled)).keys() == weights(given).keys()


def test_what_an_epoch_leaves_over_waits_for_the_next():
    """Four batches, of 4, 4, 4 and 1 samples, by threes: moves come after batches 3, 6, 9 and 12.

    The oracle adds the gradients of (w x - y)² up by hand, a mean for each batch.
    """
    X, y = np.arange(1.0, 14.0).reshape(-1, 1) / 13, np.linspace(-1, 2, 13)
    layer = Linear(1, 1, bias=False)
    model = Sequential([layer], portanet.MSE()).to(dtype="float64")
    layer.weights.value = np.asarray([[0.5]])
    loader = DataLoader(Dataset(X, y), 4)
    trainer = Trainer(model, SGD(model, lr=0.1), loader, accumulate=3)
    w, waiting, moves = 0.5, [], []
    for _ in range(3):
        for i in range(0, 13, 4):
            x, t = X[i : i + 4, 0], y[i : i + 4]
            waiting.append(np.mean(2 * (w * x - t) * x))
            if len(waiting) == 3:
                w, waiting = w - 0.1 * np.mean(waiting), []
        trainer.train(1, log_level=0)
        moves.append((trainer.optimizer.n_steps, trainer.optimizer.n_accumulated))
        assert float(layer.weights.value[0, 0]) == pytest.approx(w, rel=1e-12)
    assert moves == [(1, 1), (2, 2), (4, 0)]


def test_another_optimizer_gets_the_options_and_may_be_given_others():
    trainer = make(clip_norm=0.5)
    trainer.train(1, log_level=0)
    trainer.optimizer.clip_norm = 0.25
    trainer.train(1, log_level=0)
    assert trainer.optimizer.clip_norm == 0.25
    trainer.optimizer = SGD(trainer.model, lr=0.1)
    trainer.train(1, log_level=0)
    assert trainer.optimizer.clip_norm == 0.5
    Trainer(trainer.model, trainer.optimizer, trainer.train_dl, clip_norm=0.5)  # twice the same


MISTAKES = {
    "clip_norm": ({"clip_norm": 0}, "clip_norm must be a number .*is 0"),
    "clip_value": ({"clip_value": -1.0}, "clip_value must be a number .*is -1"),
    "accumulate": ({"accumulate": 0}, "accumulate must be an integer >= 1, is 0"),
    "a fraction": ({"accumulate": 1.5}, r"accumulate must be an integer >= 1, is 1\.5"),
    "ema": ({"ema": 1.0}, r"decay must be a number in \[0, 1\), is 1\.0"),
    "text": ({"ema": "0.9"}, "decay must be a number"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_bad_values_are_refused_when_the_trainer_is_made(name):
    options, words = MISTAKES[name]
    with pytest.raises(ArgumentError, match=words):
        make(**options)


def test_two_values_for_one_option_are_refused_and_nothing_is_assigned():
    model = Sequential([Linear(2, 1)], portanet.MSE())
    optimizer = SGD(model, lr=0.1, clip_norm=1.0)
    loader = DataLoader(Dataset(np.ones((4, 2)), np.ones(4)), 2)
    with pytest.raises(
        ArgumentError, match=r"Trainer: clip_norm must be given once; is 2\.0, and 1\.0 in SGD"
    ):
        Trainer(model, optimizer, loader, accumulate=2, clip_norm=2.0)
    assert (optimizer.accumulate, optimizer.clip_norm) == (1, 1.0)


# the average of the weights


class ByHand(Callback):
    """The oracle: an average that is updated by hand wherever the optimizer has moved."""

    def __init__(self):
        self.n = 0
        self.mean: Any = None

    def on_train_start(self, trainer):
        self.mean = self.mean or ExponentialMovingAverage(trainer.model, 0.9)

    def on_step_end(self, trainer):
        if trainer.optimizer.n_steps > self.n:
            self.n = trainer.optimizer.n_steps
            self.mean.update()


@pytest.mark.some_on_jax("accumulate", every=2)
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("accumulate", [3, 1])
def test_the_average_is_updated_when_weights_move_and_is_validated(backend, compiled, accumulate):
    options = {"backend": backend, "compile": compiled, "accumulate": accumulate}
    by_hand = ByHand()
    plain, trainer = make([by_hand], **options), make(ema=0.9, **options)
    for t in (plain, trainer):
        t.train(5, log_level=0)
    same(weights(plain), weights(trainer))  # training goes on as without
    assert [row["loss"] for row in plain.history] == [row["loss"] for row in trainer.history]
    with by_hand.mean.weights():
        same(weights(plain), averages(trainer))
        wanted = plain.evaluate(plain.val_dl)
    last = trainer.history[-1]
    assert (last["val_loss"], last["val_metric"]) == wanted == trainer.evaluate(trainer.val_dl)
    assert wanted != plain.evaluate(plain.val_dl)
    assert any((averages(trainer)[n] != weights(trainer)[n]).any() for n in weights(trainer))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("at", [3, EPOCH, EPOCH + 2])
def test_a_run_with_an_average_is_resumed_with_the_same_bits(tmp_path, compiled, at):
    options = {"compile": compiled, "ema": 0.9, "accumulate": 3, "clip_norm": 0.5}
    whole, first, second = make(**options), make(**options), make(seed=7, **options)
    whole.train(n_steps=3 * EPOCH, log_level=0)
    first.train(n_steps=at, log_level=0)
    path = tmp_path / "run.safetensors"
    portanet.save(path, first.model, first.optimizer, trainer=first)
    portanet.load(path, second.model, second.optimizer, trainer=second)
    same(averages(first), averages(second))
    second.train(n_steps=3 * EPOCH - at, log_level=0)
    same_bits(whole, second)
    same(averages(whole), averages(second))


def test_the_average_begins_with_the_weights_that_training_begins_with(tmp_path):
    """Also where they were loaded after the trainer was made, or the run was saved without one."""
    path, trained = tmp_path / "run.safetensors", make()
    trained.train(2, log_level=0)
    portanet.save(path, trained.model, trained.optimizer, trainer=trained)
    means = []
    for with_run in (False, True):
        trainer = make(ema=0.5, seed=5)
        trainer.train(1 if with_run else 0, log_level=0)
        parts = {"trainer": trainer} if with_run else {}
        portanet.load(path, trainer.model, trainer.optimizer, **parts)
        before = weights(trainer)
        same(before, averages(trainer))
        trainer.train(n_steps=1, log_level=0)
        after = weights(trainer)
        means.append(averages(trainer))
        for name, mean in means[-1].items():
            np.testing.assert_allclose(mean, (before[name] + after[name]) / 2, rtol=1e-6, atol=1e-8)


def test_another_model_has_an_average_of_its_own():
    trainer, other = make(ema=0.9), make(seed=3)
    trainer.train(1, log_level=0)
    trainer.model, trainer.optimizer = other.model, other.optimizer
    same(weights(trainer), averages(trainer))
    trainer.train(1, log_level=0)
    assert any((averages(trainer)[n] != weights(trainer)[n]).any() for n in weights(trainer))


@pytest.mark.parametrize("compiled", [False, True])
def test_early_stopping_restores_the_average_that_was_best(compiled):
    found = []

    class Keep(Callback):
        def on_epoch_end(self, trainer, row):
            found.append(averages(trainer))

    trainer = make(
        [Falls([3, 1, 2, 2]), EarlyStopping(patience=2), Keep()], ema=0.9, compile=compiled
    )
    trainer.train(9, log_level=0)
    assert len(found) == 4
    same(weights(trainer), found[1])


def test_the_best_checkpoint_has_the_weights_and_their_average(tmp_path):
    trainer, other = make([Checkpoints(tmp_path, best="smallest")], ema=0.9), make(ema=0.9, seed=4)
    trainer.train(3, log_level=0)
    best = min(trainer.history, key=lambda row: row["val_loss"])
    portanet.load(tmp_path / "best.safetensors", other.model, other.optimizer, trainer=other)
    assert other.evaluate(other.val_dl)[0] == best["val_loss"]


def test_an_interrupt_in_validation_leaves_the_models_own_weights():
    trainer = make(ema=0.9)
    trainer.train(2, log_level=0)
    own = weights(trainer)

    def interrupt(y_hat, y):
        raise KeyboardInterrupt

    trainer.metric = interrupt
    with pytest.raises(KeyboardInterrupt):
        trainer.evaluate(trainer.val_dl)
    same(own, weights(trainer))
