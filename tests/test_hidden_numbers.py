"""What a mask hides changes nothing, NaN and infinities included: a mask selects, it does not multiply.

Each row is trained twice, with zeros and with such numbers in the hidden places of the input and of
the gradient that comes back: outputs, all gradients and all steps must be the same bits.
"""

import copy

import numpy as np
import pytest
from cases_hidden import LOSSES, ROWS, normal

import portanet
from portanet import (
    ELU,
    MSE,
    SELU,
    SGD,
    BCEWithLogits,
    CrossEntropy,
    HardSigmoid,
    HardSwish,
    Huber,
    LeakyReLU,
    Linear,
    PReLU,
    ReLU,
    Sequential,
)

JUNK = pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf])
ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


def gradients(row, junk, place):
    """Return the output, dL/dx and the parameters' gradients of one step at a place."""
    network = row.network(junk).to(place.name, device=place.device, dtype="float32")
    x = row.input(junk)
    x = place.asarray(x, "float32" if x.dtype.kind == "f" else place.index_dtype())
    y = network.forward(x, training=True)
    grad_x = network.backward(y * 0 + 1)
    found = {name: p.grad for name, p in network.named_parameters().items()}
    found |= {"output": y} if grad_x is None else {"output": y, "x": grad_x}
    return {name: place.to_numpy(array) for name, array in found.items()}


@pytest.mark.some_on_jax("row", every=8)
@JUNK
@ROW
def test_what_is_hidden_changes_nothing(row, junk, backend):
    clean, spoiled = gradients(row, 0.0, backend), gradients(row, junk, backend)
    for name, array in clean.items():
        assert np.isfinite(array).all(), name
        np.testing.assert_array_equal(spoiled[name], array, err_msg=name)
    if row.of_x is not None:
        assert (spoiled["x"][row.of_x] == 0).all()


# losses


def loss_and_gradient(name, junk, place):
    make, y_hat, y, hidden = LOSSES[name]
    hidden = hidden[..., None] if hidden.ndim < y_hat.ndim else hidden
    y_hat = place.asarray(np.where(hidden, np.float32(junk), y_hat), "float32")
    criterion = make().to(place.name, device=place.device, dtype="float32")
    y = criterion.cast_targets(place, y, "float32")
    losses = criterion.forward(y_hat, y, training=True)
    return place.to_numpy(losses), place.to_numpy(criterion.backward())


@pytest.mark.some_on_jax("name")
@JUNK
@pytest.mark.parametrize("name", LOSSES)
def test_outputs_that_do_not_count_change_no_loss(name, junk, backend):
    clean, spoiled = (loss_and_gradient(name, x, backend) for x in (0.0, junk))
    for before, after in zip(clean, spoiled, strict=True):
        assert np.isfinite(before).all()
        np.testing.assert_array_equal(after, before)


@pytest.mark.some_on_jax("make")
@JUNK
@pytest.mark.parametrize(
    "make", [MSE, Huber, BCEWithLogits, CrossEntropy], ids=lambda make: make.__name__
)
def test_samples_of_weight_0_change_no_loss(make, junk, backend):
    y = np.array([0, 1, 1]) if make is CrossEntropy else np.ones((3, 4), np.float32)
    weights, found = np.array([1, 0, 2], np.float32), []
    for x in (0.0, junk):
        y_hat, criterion = normal(3, 4), make().to(backend.name, device=backend.device)
        y_hat[1] = x
        y_hat, w = (backend.asarray(a, "float32") for a in (y_hat, weights))
        losses = criterion.forward(
            y_hat, criterion.cast_targets(backend, y, "float32"), sample_weight=w, training=True
        )
        found.append([backend.to_numpy(a) for a in (losses, criterion.backward())])
    for before, after in zip(*found, strict=True):
        assert np.isfinite(before).all()
        np.testing.assert_array_equal(after, before)


# gradients


@JUNK
@pytest.mark.parametrize("channels", [1, 4])
def test_what_comes_back_for_positive_numbers_leaves_slopes_alone(channels, junk, backend):
    layer, x = PReLU(channels).to(backend.name, device=backend.device), normal(3, 4)
    found = []
    for value in (0.0, junk):
        layer.forward(backend.asarray(x), training=True)
        layer.backward(backend.asarray(np.where(x > 0, np.float32(value), x)))
        found.append(backend.to_numpy(layer.slopes.grad))
    assert np.isfinite(found[0]).all()
    np.testing.assert_array_equal(*found)


@pytest.mark.some_on_jax("layer")
@JUNK
@pytest.mark.parametrize(
    "layer", [ReLU(), LeakyReLU(0.1), PReLU(), ELU(), SELU(), HardSigmoid(), HardSwish()], ids=repr
)
def test_neighbours_of_infinite_numbers_are_exact(layer, junk, backend):
    """A piecewise function takes one piece for a number, and the other has no influence there."""
    layer = copy.deepcopy(layer).to(backend.name, device=backend.device)
    x = np.array([[junk, -4.0, 4.0]], np.float32)
    y = layer.forward(backend.asarray(x), training=True)
    grad = backend.to_numpy(layer.backward(backend.asarray(np.ones_like(x))))
    assert np.isfinite(backend.to_numpy(y)[0, 1:]).all()
    assert np.isfinite(grad[0, 1:]).all()
    if not np.isnan(junk):
        assert np.isfinite(grad).all()


@JUNK
@pytest.mark.parametrize("clip", [{"clip_norm": 1.0}, {"clip_value": 0.1}], ids=str)
def test_gradients_of_frozen_parameters_are_not_part_of_the_norm(clip, junk, backend):
    found = []
    for value in (0.0, junk):
        portanet.seed(3)
        network = Sequential([Linear(4, 3), Linear(3, 1)], MSE())
        network.to(backend.name, device=backend.device).layers[0].freeze()
        optimizer = SGD(network, lr=0.1, **clip)
        y = network.forward(backend.asarray(normal(3, 4)), training=True)
        network.backward(y)
        weights = network.layers[0].weights
        weights.grad = weights.grad * 0 + value
        optimizer.step()
        found.append([backend.to_numpy(p.value) for p in network.parameters()])
    for before, after in zip(*found, strict=True):
        assert np.isfinite(before).all()
        np.testing.assert_array_equal(after, before)
