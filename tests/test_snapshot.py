"""Snapshots: the best weights of a run, kept and put back."""

import numpy as np
import pytest

import portanet
from portanet import (
    SGD,
    BatchNorm1d,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Linear,
    Sequential,
    Tanh,
    Trainer,
)
from portanet.errors import ArgumentError

F4 = np.float32


def network(width=4):
    layers = [Linear(3, width), BatchNorm1d(width), Tanh(), Linear(width, 1)]
    return Sequential(layers, BCEWithLogits())


def trainer(model, compiled=True, **options):
    X = np.random.default_rng(0).standard_normal((40, 3)).astype(F4)
    loader = DataLoader(Dataset(X, X[:, 0] > 0), 8)
    return Trainer(model, SGD(model, lr=0.5), loader, loader, compile=compiled, **options)


def arrays(model):
    held = {**model.named_parameters(), **model.named_buffers()}
    return {name: model.backend.to_numpy(h.value).copy() for name, h in held.items()}


@pytest.mark.parametrize("compiled", [False, True])
def test_a_model_goes_back_to_its_snapshot(backend, compiled):
    t = trainer(network().to(backend.name, device=backend.device), compiled)
    t.train(3, log_level=0)
    kept, values, loss = t.model.snapshot(), arrays(t.model), t.evaluate(t.val_dl)[0]
    for _ in range(2):
        t.train(4, log_level=0)
        assert t.evaluate(t.val_dl)[0] != loss
        assert t.model.restore(kept) is t.model
        assert t.evaluate(t.val_dl)[0] == pytest.approx(loss, rel=1e-6)
        for name, value in arrays(t.model).items():
            np.testing.assert_array_equal(value, values[name])


@pytest.mark.parametrize("ema", [None, 0.5])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_trainers_snapshot_is_the_models_and_stays(backend, compiled, ema):
    """A compiled step copies its own memory; what is validated is in it, so the average, if any."""
    t = trainer(network().to(backend.name, device=backend.device), compiled, ema=ema)
    t.train(3, log_level=0)
    with t.weights():
        found, wanted = (
            t.steps.snapshot(),
            {n: array.copy() for n, array in arrays(t.model).items()},
        )
    assert repr(found) == f"Snapshot({len(wanted)} arrays)"
    t.train(2, log_level=0)
    assert list(found.arrays) == list(wanted)
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(backend.to_numpy(array), wanted[name], err_msg=name)
    t.model.layers.append(Tanh())  # what a plan knew is no more the model
    t.model.layers.append(Linear(1, 1))
    t.model.to(backend.name, device=backend.device)
    assert {"layers.5.weights", "layers.5.bias"} <= set(t.steps.snapshot().arrays)


def test_a_snapshot_has_the_running_statistics_and_no_gradient():
    t = trainer(network(), compiled=False)
    t.train(1, log_level=0)
    kept = t.model.snapshot()
    assert set(kept.arrays) == {*t.model.named_parameters(), *t.model.named_buffers()}
    t.model.restore(kept)
    assert all(p.grad is None for p in t.model.parameters())
    assert repr(kept) == f"Snapshot({len(kept.arrays)} arrays)"


def test_a_snapshot_shares_nothing_with_the_model():
    model = network()
    kept, values = model.snapshot(), arrays(model)
    for restored in range(2):
        for p in model.parameters():
            p.value[...] = -1 - restored
        model.restore(kept)
        for name, value in arrays(model).items():
            np.testing.assert_array_equal(value, values[name])


def test_a_snapshot_follows_the_model_elsewhere(backend):
    model = network()
    kept, values = model.snapshot(), arrays(model)
    for p in model.parameters():
        p.value = p.value + 1
    model.to(backend.name, device=backend.device)
    model.restore(kept)
    assert portanet.backend_of(model.layers[0].weights.value) is backend
    for name, value in arrays(model).items():
        np.testing.assert_array_equal(value, values[name])


def test_a_snapshot_of_another_structure_is_refused():
    model, other = network(), network(5)
    before = arrays(other)
    message = (
        r"Sequential.restore: the snapshot must be of a model with the same parameters and buffers: "
        r"layers\.0\.bias is \(4,\), in the model \(5,\); .*and 3 more"
    )
    with pytest.raises(ArgumentError, match=message):
        other.restore(model.snapshot())
    for name, value in arrays(other).items():
        np.testing.assert_array_equal(value, before[name])
    with pytest.raises(ArgumentError, match=r"it lacks bias.*the model lacks layers\.0\.bias"):
        Linear(3, 4).restore(model.snapshot())
    with pytest.raises(
        ArgumentError, match=r"Linear.restore: snapshot must be what snapshot\(\) returned, is dict"
    ):
        Linear(3, 4).restore({})
