"""Every row of cases.LAYERS: gradients, backends, PyTorch, and the contract of a layer."""

from copy import deepcopy

import numpy as np
import pytest
from agreement import assert_ulps
from cases import LAYERS

import portanet
from portanet.checks import dtype_name
from portanet.errors import OrderError

LAYER = pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)


def upstream(shape):
    """A fixed dL/d(output)."""
    return np.random.default_rng(2).uniform(-1, 1, shape)


def run(layer, x, place, dtype):
    """Return output, dL/dx and the parameters' gradients of a copy, computed at a place."""
    layer = deepcopy(layer).to(dtype=dtype)
    layer.to(place.name, device=place.device, dtype=dtype)
    moved = place.asarray(x, dtype if x.dtype.kind == "f" else place.index_dtype())
    before = place.to_numpy(moved).copy()
    y = layer.forward(moved, training=True)
    grad = place.asarray(upstream(tuple(y.shape)), dtype)
    grad_x = layer.backward(grad)
    results = {"output": y, **({} if grad_x is None else {"x": grad_x})}
    results |= {name: p.grad for name, p in layer.named_parameters().items()}
    for name, result in results.items():
        assert portanet.backend_of(result) is place, f"{name} left {place}"
        assert dtype_name(result.dtype) == dtype, f"{name} is {result.dtype}, not {dtype}"
    assert np.array_equal(place.to_numpy(moved), before), "forward or backward changed its input"
    return {name: place.to_numpy(result) for name, result in results.items()}


@LAYER
def test_gradients_are_the_derivatives(case):
    portanet.check_gradients(case.layer(), case.input())


@LAYER
def test_every_backend_agrees_with_float64(case, backend, dtypes):
    oracle = run(case.layer(), case.input(), portanet.backends.get("numpy"), "float64")
    if backend.name == "jax" and LAYERS.index(case) % 4:
        dtypes = ["float32"]  # XLA compiles each operation for each dtype and shape, 50 ms each
    for dtype in dtypes:
        for name, value in run(case.layer(), case.input(), backend, dtype).items():
            assert_ulps(f"{case.id}, {name}", value, oracle[name], dtype, case.ulps)


@pytest.mark.parametrize("case", [c for c in LAYERS if c.torch], ids=lambda case: case.id)
def test_pytorch_agrees(case):
    torch = pytest.importorskip("torch", reason="the oracle PyTorch is not installed")
    numpy = portanet.backends.get("numpy")
    layer = case.layer()
    x = torch.tensor(case.input(), requires_grad=case.input().dtype.kind == "f")
    parameters = {
        name: torch.tensor(p.value, requires_grad=True)
        for name, p in layer.named_parameters().items()
    }
    y = case.torch(layer, x, parameters)
    y.backward(torch.tensor(upstream(tuple(y.shape))))
    oracle = {"output": y.detach().numpy()} | {n: p.grad.numpy() for n, p in parameters.items()}
    if x.grad is not None:
        oracle["x"] = x.grad.numpy()
    for name, value in run(layer, case.input(), numpy, "float64").items():
        if name in oracle:
            np.testing.assert_allclose(value, oracle[name], rtol=1e-10, atol=1e-12, err_msg=name)
    for name, value in run(layer, case.input(), numpy, "float32").items():
        if name in oracle:
            assert_ulps(f"{case.id}, {name}", value, oracle[name], "float32", case.ulps)


@pytest.mark.some_on_jax("case", every=8)
@pytest.mark.parametrize(
    ("case", "n"),
    [(case, n) for case in LAYERS for n in (0, 1) if (case.empty, case.single)[n]],
    ids=lambda value: getattr(value, "id", None),
)
def test_batches_of_none_and_of_one(case, n, backend):
    results = run(case.layer(), case.input(n), backend, "float32")
    assert results["output"].shape[0] == n
    assert all(np.isfinite(result).all() for result in results.values())


@LAYER
def test_memory_layout_does_not_matter(case):
    x = case.input()
    strided = np.repeat(x, 2, axis=-1)[..., ::2]
    assert not strided.flags.c_contiguous or strided.size <= 1
    numpy = portanet.backends.get("numpy")
    expected = run(case.layer(), x, numpy, "float64")
    for name, value in run(case.layer(), strided, numpy, "float64").items():
        assert_ulps(f"{case.id}, {name}", value, expected[name], "float64", 4)


@LAYER
def test_a_repr_names_the_layer(case):
    assert type(case.make()).__name__ in repr(case.make())


@LAYER
def test_backward_needs_a_forward_of_its_own(case):
    layer, x = case.layer(), case.input()
    y = layer.forward(x)
    with pytest.raises(OrderError, match=r"forward\(..., training=True\)"):
        layer.backward(upstream(y.shape))
    layer.backward(upstream(layer.forward(x, training=True).shape))
    with pytest.raises(OrderError):
        layer.backward(upstream(y.shape))


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_a_layer_without_its_methods_says_which(method):
    class Unfinished(portanet.Layer):
        pass

    with pytest.raises(NotImplementedError, match=rf"Unfinished must define {method}\("):
        getattr(Unfinished(), method)(np.ones((2, 2)))
