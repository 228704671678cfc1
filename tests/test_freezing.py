"""Running statistics that are constants in training, too; normalization without weights."""

from copy import deepcopy

import numpy as np
import pytest
from compiled_twins import Twins, batches

import portanet
from portanet import (
    SGD,
    BatchNorm1d,
    BatchNorm2d,
    Dropout,
    GroupNorm,
    LayerNorm,
    Linear,
    Residual,
    RMSNorm,
    Sequential,
    freeze_statistics,
    unfreeze_statistics,
)
from portanet.errors import DtypeError
from portanet.losses import MSE

F4 = np.float32


def body():
    """A body that has been trained, with a normalization at its top and one further down."""
    model = Sequential([BatchNorm1d(5), Linear(5, 5), Residual(Sequential([BatchNorm1d(5)]))])
    for x, _ in batches(3):
        model.forward(3 * x + 1, training=True)
    return model


def statistics(model):
    return {name: b.value.copy() for name, b in model.named_buffers().items()}


def assert_statistics(model, wanted):
    for name, value in statistics(model).items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)


def test_a_frozen_body_trains_as_it_evaluates_and_keeps_its_statistics():
    model, x = body(), next(batches(1))[0]
    freeze_statistics(model)
    before, evaluated = statistics(model), model.forward(x)
    np.testing.assert_array_equal(model.forward(x, training=True), evaluated)
    assert_statistics(model, before)
    one = model.forward(x[:1], training=True)  # a batch of one needs no variance of its own
    np.testing.assert_allclose(one, evaluated[:1], rtol=1e-5)


def test_statistics_set_free_follow_the_data_again_as_if_nothing_had_been():
    model, x = body(), next(batches(1))[0]
    twin = deepcopy(model)
    freeze_statistics(model)
    model.forward(x, training=True)
    unfreeze_statistics(model)
    np.testing.assert_array_equal(model.forward(x, training=True), twin.forward(x, training=True))
    assert_statistics(model, statistics(twin))


def test_freezing_parameters_leaves_statistics_alone_and_the_other_way_round():
    model, x = body(), next(batches(1))[0]
    model.freeze()
    before = statistics(model)
    model.forward(x, training=True)
    assert any((value != before[name]).any() for name, value in statistics(model).items())
    model.unfreeze()
    freeze_statistics(model)
    assert all(p.trainable for p in model.parameters())


def test_dropout_in_a_frozen_body_drops():
    model = Sequential([BatchNorm1d(5), Dropout(0.5)])
    freeze_statistics(model)
    assert (model.forward(np.ones((8, 5), F4), training=True) == 0).any()


def test_freezing_between_compiled_steps():
    """A compiled step notices, and trains on as the readable step does: the same bits."""
    portanet.seed(0)
    model = Sequential([Linear(5, 4), BatchNorm1d(4), Linear(4, 3)], MSE())
    twins = Twins(model, lambda m: SGD(m, lr=0.05))
    for change in (freeze_statistics, unfreeze_statistics, freeze_statistics):
        twins.both(lambda model, _, change=change: change(model))
        before = [statistics(model) for model in twins.models]
        twins.train(batches(5))
        if change is freeze_statistics:
            for model, wanted in zip(twins.models, before, strict=True):
                assert_statistics(model, wanted)
    twins.assert_compiled()


# without weights


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda affine: BatchNorm1d(3, affine=affine), (6, 3)),
        (lambda affine: BatchNorm2d(3, affine=affine), (2, 3, 4, 2)),
        (lambda affine: LayerNorm(3, affine=affine), (6, 3)),
        (lambda affine: RMSNorm(3, affine=affine), (6, 3)),
        (lambda affine: GroupNorm(3, 3, affine=affine), (2, 3, 4)),
    ],
    ids=["BatchNorm1d", "BatchNorm2d", "LayerNorm", "RMSNorm", "GroupNorm"],
)
def test_without_weights_is_with_the_weights_that_a_layer_starts_from(make, shape):
    x, grad = np.random.default_rng(0).standard_normal((2, *shape)).astype(F4)
    with_weights, without = make(True), make(False)
    assert without.parameters() == []
    for layer in (with_weights, without):
        layer.y = layer.forward(x, training=True)
        layer.grad_x = layer.backward(grad)
    np.testing.assert_array_equal(without.y, with_weights.y)
    np.testing.assert_array_equal(without.grad_x, with_weights.grad_x)
    assert_statistics(without, statistics(with_weights))
    with pytest.raises(DtypeError, match=r"x must be float32.* is int64"):
        without.forward(np.ones(shape, np.int64))
