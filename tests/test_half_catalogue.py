"""Every row of the tables in half precision, beside the same row in float64.

Inputs, weights and what comes down in the backward pass are numbers that the half precision has, so
that only what a row computes is rounded. The bound is that of `portanet verify`, with half
precision's epsilon: 8 times what runs in float64 come to whose operations are off by up to a unit of
half precision's last place, sums by their partial sums (portanet/verify/measure/bound.py). A row that
rounds nothing must be exact; beside the bound there is the spacing of float16's smallest numbers.
"""

from copy import deepcopy

import numpy as np
import pytest
from cases import LAYERS, LOSSES
from test_layers import upstream

from portanet import Layer, LossScale, MixedPrecision, Sequential
from portanet.half import HALVES
from portanet.verify.runs.where import UnderNoise

TIMES = 8
SAMPLES = (2, 8, 32)  # of noise, before each verdict
SMALLEST = 2.0**-24  # of float16: results below are multiples of it
# one of the two on each: what differs between them is the table, not the row
HALF_OF = {"torch": "bfloat16", "jax": "float16", "cupy": "float16"}
on_devices = pytest.mark.only_on(*HALF_OF)


def in_numbers_of(half, x):
    """Return x with floats rounded to numbers that a half precision has, in float64."""
    if x.dtype.kind != "f":
        return x
    if half == "float16":
        return x.astype(np.float16).astype(np.float64)
    bits = x.astype(np.float32).view(np.uint32)
    bits = bits + 0x7FFF + ((bits >> 16) & 1)  # to the nearest, ties to even
    return (bits & 0xFFFF0000).view(np.float32).astype(np.float64)


def results_of(layer, x, forward, backward, to_host):
    """Return output, dL/dx and the gradients of parameters, by name, on the host."""
    y = forward(x)
    grad_x = backward(tuple(y.shape))
    found = {"output": y} | ({} if grad_x is None else {"x": grad_x})
    found |= {name: p.grad for name, p in layer.named_parameters().items()}
    return {name: to_host(array) for name, array in found.items()}


def in_float64(layer, x, half, seed=0, epsilon=0.0):
    """Return a row's results in float64, with operations that are off by up to epsilon."""
    where = UnderNoise(seed, epsilon)
    part = where.part(layer)
    return results_of(
        part,
        where.array(x),
        lambda x: part.forward(x, training=True),
        lambda shape: part.backward(where.array(in_numbers_of(half, upstream(shape)))),
        lambda array: where.host("", array),
    )


def in_half(layer, x, half, backend):
    """Return a row's results in half precision, from a network of this one layer."""
    model = Sequential([deepcopy(layer).to(dtype="float32")])
    model.to(backend.name, device=backend.device)
    model.precision = MixedPrecision(half, LossScale(1.0) if half == "float16" else None)

    def placed(x):
        return backend.asarray(x, "float32" if x.dtype.kind == "f" else backend.index_dtype())

    return results_of(
        model[0],
        placed(x),
        lambda x: model.forward(x, training=True),
        lambda shape: model.precision.backward(model, placed(in_numbers_of(half, upstream(shape)))),
        lambda array: np.asarray(backend.to_numpy(array), np.float64),
    )


def row_of(case, half):
    """Return a row's layer and its input, of numbers that a half precision has."""
    layer = case.layer()
    for parameter in layer.parameters():
        parameter.value = in_numbers_of(half, parameter.value)
    return layer, in_numbers_of(half, case.input())


@on_devices
@pytest.mark.some_on_jax("case", every=8)
@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_a_layer_is_float64s_to_half_precision(case, backend):
    half = HALF_OF[backend.name]
    layer, x = row_of(case, half)
    exact, found = in_float64(layer, x, half), in_half(layer, x, half, backend)
    assert found.keys() == exact.keys()
    far, n_taken = dict.fromkeys(exact, 0.0), 0
    for n in SAMPLES:
        for seed in range(n_taken, n):
            with np.errstate(invalid="ignore"):  # masks are infinite, and noise of them is NaN
                noisy = in_float64(layer, x, half, seed, HALVES[half])
            far = {name: max(far[name], off(noisy[name], exact[name])) for name in exact}
        n_taken = n
        floor = 4 * SMALLEST if half == "float16" else 0
        wrong = {
            name: (off(found[name], exact[name]), TIMES * far[name] + floor)
            for name in exact
            if not off(found[name], exact[name]) <= TIMES * far[name] + floor
        }
        if not wrong:
            return
    assert not wrong, f"{half}: off by, allowed: {wrong}"


def off(value, exact):
    """Return the largest difference; what is infinite or NaN must be so in both."""
    same = (value == exact) | (np.isnan(value) & np.isnan(exact))
    with np.errstate(invalid="ignore"):
        return float(np.max(np.where(same, 0, np.abs(value - exact)), initial=0.0))


class Same(Layer):
    """y = x."""

    def forward(self, x, *, training=False):
        return x

    def backward(self, grad):
        return grad


@on_devices
@pytest.mark.some_on_jax("case", every=8)
@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_a_loss_is_float32s_of_what_is_rounded(case, backend):
    """A network's output is rounded to half, its loss is float32's, and its gradient is rounded."""
    half, (y_hat, y) = HALF_OF[backend.name], case.data()
    y_hat = in_numbers_of(half, y_hat)
    found = {}
    for precision in (None, half):
        model = Sequential([Same()], case.make().to(dtype="float32"))
        model.to(backend.name, device=backend.device, dtype="float32")
        model.precision = precision
        x, target = (
            backend.asarray(a, "float32" if a.dtype.kind == "f" else backend.index_dtype())
            for a in (y_hat, y)
        )
        losses = model.criterion.forward(model.forward(x, training=True), target, training=True)
        found[precision] = [backend.to_numpy(a) for a in (losses, model.backward())]
    (losses, grad), (losses_in_half, grad_in_half) = found[None], found[half]
    np.testing.assert_array_equal(losses_in_half, losses)
    # half an ulp, of a number that is no smaller than float16's smallest one over the loss scale
    floor = SMALLEST / 2**16 if half == "float16" else 0
    np.testing.assert_allclose(grad_in_half, grad, rtol=HALVES[half] / 2, atol=floor)
