"""Every row of cases.LOSSES: gradients, backends, PyTorch, weights, shapes."""

import numpy as np
import pytest
from agreement import assert_ulps
from cases import LOSSES

import portanet
from portanet.checks import dtype_name

LOSS = pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)


def run(loss, y_hat, y, place, dtype, weight=None):
    """Return the losses and the gradient, computed at a place."""
    loss.to(place.name, device=place.device, dtype=dtype)
    y_hat = place.asarray(y_hat, dtype)
    y = place.asarray(y, dtype if y.dtype.kind == "f" else place.index_dtype())
    weight = None if weight is None else place.asarray(weight, dtype)
    given = [value for value in (y_hat, y, weight) if value is not None]
    before = [place.to_numpy(value).copy() for value in given]
    losses = loss.forward(y_hat, y, sample_weight=weight, training=True)
    gradient = loss.backward()
    for value, copy in zip(given, before, strict=True):
        assert np.array_equal(place.to_numpy(value), copy), "forward or backward changed its input"
    for result in (losses, gradient):
        assert portanet.backend_of(result) is place
        assert dtype_name(result.dtype) == dtype
    return place.to_numpy(losses), place.to_numpy(gradient)


@LOSS
def test_gradients_are_the_derivatives(case):
    portanet.check_gradients(case.make(), *case.data())


@LOSS
def test_every_backend_agrees_with_float64(case, backend, dtypes):
    oracle = run(case.make(), *case.data(), portanet.backends.get("numpy"), "float64")
    for dtype in dtypes:
        for value, wanted in zip(
            run(case.make(), *case.data(), backend, dtype), oracle, strict=True
        ):
            assert_ulps(case.id, value, wanted, dtype, case.ulps)


@pytest.mark.parametrize("case", [c for c in LOSSES if c.torch], ids=lambda case: case.id)
@pytest.mark.parametrize("weights", [False, True])
def test_pytorch_agrees(case, weights):
    torch = pytest.importorskip("torch", reason="the oracle PyTorch is not installed")
    y_hat, y = case.data()
    weight = np.linspace(0.5, 2, len(y)) if weights else None
    t = torch.tensor(y_hat, requires_grad=True)
    mean = case.torch(t, torch.tensor(y), None if weight is None else torch.tensor(weight))
    mean.backward()
    numpy = portanet.backends.get("numpy")
    losses, gradient = run(case.make(), y_hat, y, numpy, "float64", weight)
    each = case.make().to(dtype="float64").weight_of(y, weight)
    total = len(y) if each is None else each.sum()
    np.testing.assert_allclose(losses.sum() / total, mean.item(), rtol=1e-10)
    np.testing.assert_allclose(gradient, t.grad.numpy(), rtol=1e-10, atol=1e-14)
    _, gradient = run(case.make(), y_hat, y, numpy, "float32", weight)
    assert_ulps(case.id, gradient, t.grad.numpy(), "float32", case.ulps)


@LOSS
def test_a_repr_names_the_loss(case):
    assert repr(case.make()).startswith(f"{type(case.make()).__name__}(")


@LOSS
def test_one_loss_per_sample(case):
    y_hat, y = case.data()
    assert case.make()(y_hat, y).shape == (len(y),)


@pytest.mark.some_on_jax("case")
@LOSS
def test_a_batch_of_one(case, backend):
    losses, gradient = run(case.make(), *(v[:1] for v in case.data()), backend, "float32")
    assert losses.shape == (1,)
    assert np.isfinite(losses).all()
    assert np.isfinite(gradient).all()


@LOSS
def test_memory_layout_does_not_matter(case):
    y_hat, y = case.data()
    strided = [np.repeat(value, 2, axis=0)[::2] for value in (y_hat, y)]
    assert not any(value.flags.c_contiguous for value in strided)
    numpy = portanet.backends.get("numpy")
    expected = run(case.make(), y_hat, y, numpy, "float64")
    for value, wanted in zip(run(case.make(), *strided, numpy, "float64"), expected, strict=True):
        assert_ulps(case.id, value, wanted, "float64", 4)
