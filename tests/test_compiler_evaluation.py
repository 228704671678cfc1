"""Validation, compiled: the same numbers as the readable passes."""

import copy

import numpy as np
import pytest

import portanet
from portanet import (
    Adam,
    BatchNorm1d,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Linear,
    ReLU,
    Sequential,
    Tanh,
    Trainer,
    accuracy,
)
from portanet.metrics.measured import measured

F4 = np.float32


def trainer(compiled, metric=accuracy, loss=CrossEntropy, n=50):
    portanet.seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, 5)).astype(F4), rng.integers(0, 3, n)
    layers = [Linear(5, 8), BatchNorm1d(8), ReLU(), Dropout(0.2), Linear(8, 3)]
    model = Sequential(layers, loss())
    loaders = DataLoader(Dataset(x, y), 16, shuffle=True), DataLoader(Dataset(x, y), 16)
    return Trainer(model, Adam(model), *loaders, metric, compile=compiled)


def evaluation(t):
    return t._staged(t.val_dl).compiled(t.model, measured(t.metric, t.model.criterion), None)


def same_evaluations(t):
    """Compare what a trainer says with what the same model says uncompiled, to rounding."""
    plain = Trainer(t.model, t.optimizer, t.train_dl, t.val_dl, t.metric, compile=False)
    for mine, other in zip(t.evaluate(t.val_dl), plain.evaluate(t.val_dl), strict=True):
        assert mine == pytest.approx(other, rel=16 * 2**-23)


@pytest.mark.parametrize("loss", [CrossEntropy, lambda: CrossEntropy(class_weights=[1, 2, 3])])
def test_evaluations_are_those_of_the_readable_passes(loss):
    t = trainer(True, loss=loss)
    for _ in range(4):
        t.train(1, log_level=0)
        same_evaluations(t)
    assert evaluation(t).refused is None
    assert evaluation(t)._plan is not None


def test_a_plan_holds_from_epoch_to_epoch_also_where_dropout_counts_its_draws():
    t = trainer(True)
    t.train(6, log_level=0)
    assert (evaluation(t).refused, evaluation(t)._n_vain, evaluation(t)._n_replays) == (None, 0, 5)


def test_a_counter_of_a_layer_of_ones_own_is_seen():
    class Grows(Dropout):
        def forward(self, x, *, training=False):
            dropped = super().forward(x, training=training)
            return dropped if training else dropped * (1 + self.step)

    t = trainer(True)
    t.model.layers[3] = Grows(0.2)
    t.train(2, log_level=0)
    same_evaluations(t)
    t.model.layers[3].step += 1
    same_evaluations(t)


def test_a_changed_network_is_seen():
    t = trainer(True)
    t.train(3, log_level=0)
    t.model.layers.append(Tanh())
    same_evaluations(t)
    t.model.layers[1].eps = 0.5
    same_evaluations(t)
    for p in t.model.parameters():
        p.value = p.value * 2
    same_evaluations(t)


def test_a_metric_of_ones_own_is_called_each_time():
    calls = []

    def metric(y_hat, y):
        calls.append(y_hat.shape)
        return accuracy(y_hat, y)

    t = trainer(True, metric)
    t.train(4, log_level=0)
    same_evaluations(t)
    assert calls == [(16, 3)] + [(50, 3)] * 6  # it is tried on a batch before the first step


def test_averaged_weights_are_evaluated_by_the_same_plan():
    t = trainer(True)
    ema = portanet.ExponentialMovingAverage(t.model)
    for _ in range(4):
        t.train(1, log_level=0)
        ema.update()
        with ema.weights():
            same_evaluations(t)
    assert evaluation(t).refused is None
    assert evaluation(t)._n_replays > 0


def test_a_copy_has_plans_of_its_own():
    t = trainer(True)
    t.train(2, log_level=0)
    other = copy.deepcopy(t)
    other.train(2, log_level=0)
    same_evaluations(t)
    same_evaluations(other)
