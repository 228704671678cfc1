"""The running mean of the weights: its numbers, and that nothing is lost in the swap."""

import numpy as np
import pytest

import portanet
from portanet import ExponentialMovingAverage, Linear
from portanet.errors import ArgumentError, OrderError


def test_the_mean_is_pytorchs(backend):
    torch = pytest.importorskip("torch")
    swa = torch.optim.swa_utils
    dtype = "float64" if "float64" in backend.dtypes else "float32"
    theirs = torch.nn.Linear(3, 2, dtype=torch.float64)
    averaged = swa.AveragedModel(theirs, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9))
    averaged.update_parameters(theirs)  # PyTorch's first update copies, as ours does when made
    layer = Linear(3, 2)
    start = theirs.weight.detach().numpy().T.copy()
    layer.weights.value = start
    layer.to(backend.name, device=backend.device, dtype=dtype)
    layer.weights.value = backend.asarray(start, dtype)
    ema, rng = ExponentialMovingAverage(layer, decay=0.9), np.random.default_rng(0)
    for _ in range(20):
        value = rng.standard_normal((3, 2))
        theirs.weight.data = torch.from_numpy(value.T.copy())
        layer.weights.value = backend.asarray(value, dtype)
        averaged.update_parameters(theirs)
        ema.update()
    with ema.weights():
        ours = backend.to_numpy(layer.weights.value)
    # each of 20 updates rounds three times, at numbers below 4
    atol = 20 * 3 * 4 * float(np.finfo(dtype).eps) / 2
    np.testing.assert_allclose(ours, averaged.module.weight.detach().numpy().T, rtol=0, atol=atol)
    assert ours.dtype == dtype


def evaluate_badly(ema, mean):
    with ema.weights():
        assert (ema.model.weights.value == mean).all()
        raise ZeroDivisionError


def test_the_models_own_values_come_back_whatever_happens():
    layer = Linear(2, 2)
    ema = ExponentialMovingAverage(layer, decay=0.5)
    mean, own = layer.weights.value, layer.weights.value + 1
    layer.weights.value = own
    with pytest.raises(ZeroDivisionError):
        evaluate_badly(ema, mean)
    assert (layer.weights.value == own).all()
    ema.update()  # and another block is open to all
    with ema.weights():
        np.testing.assert_allclose(layer.weights.value, mean + 0.5, rtol=1e-6)
    with ema.weights():
        layer.weights.value = mean * 0  # a change inside is one of a borrowed value
    assert (layer.weights.value == own).all()


def test_nothing_is_nested():
    layer = Linear(2, 2)
    ema = ExponentialMovingAverage(layer)
    with ema.weights():
        with pytest.raises(OrderError, match=r"update\(\): within weights\(\)"):
            ema.update()
        with pytest.raises(OrderError, match=r"weights\(\): within weights\(\)"):
            ema.weights().__enter__()


def test_the_mean_follows_the_model(backend):
    layer = Linear(2, 2)
    ema = ExponentialMovingAverage(layer, decay=0.5)
    start = layer.weights.value
    layer.to(backend.name, device=backend.device)
    layer.weights.value = layer.weights.value + 1
    ema.update()
    with ema.weights():
        assert portanet.backend_of(layer.weights.value) is backend
        np.testing.assert_allclose(backend.to_numpy(layer.weights.value), start + 0.5, rtol=1e-6)
        layer.to("numpy")
    np.testing.assert_allclose(layer.weights.value, start + 1, rtol=1e-6)


@pytest.mark.parametrize("decay", [1, 1.0, -0.1, float("nan"), "0.9"])
def test_a_decay_out_of_its_range_is_refused(decay):
    with pytest.raises(ArgumentError, match="ExponentialMovingAverage: decay must be a number in"):
        ExponentialMovingAverage(Linear(1, 1), decay)


def test_a_model_without_parameters_is_refused():
    with pytest.raises(ArgumentError, match="model must be a network with parameters"):
        ExponentialMovingAverage(portanet.ReLU())


def test_a_state_of_another_model_is_refused():
    ema = ExponentialMovingAverage(Linear(2, 2))
    state = ExponentialMovingAverage(Linear(2, 2, bias=False)).state()
    with pytest.raises(ArgumentError, match="in one of the two only: bias"):
        ema.load_state(state)
