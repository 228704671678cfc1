"""portanet.profile: what a plan does, on values that can be counted by hand."""

import copy
import doctest
from pathlib import Path

import numpy as np
import pytest

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    BCEWithLogits,
    Conv2d,
    CrossEntropy,
    Flatten,
    Layer,
    Linear,
    ReLU,
    Sequential,
)
from portanet.backends._llvm import machine
from portanet.errors import ArgumentError

N, HIDDEN, INPUTS = 64, 20, 30
F4 = 4  # bytes
FORWARD = 2 * N * INPUTS * HIDDEN  # the first layer's product; its weights' gradient takes the same
LAST = 2 * N * HIDDEN  # the second layer's: forward, dL/dw and dL/dx
needs_llvm = pytest.mark.skipif(not machine.available(), reason="llvmlite is not installed")


def blog():
    portanet.seed(0)
    return Sequential([Linear(INPUTS, HIDDEN), ReLU(), Linear(HIDDEN, 1)], BCEWithLogits())


def batch(model=None):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, INPUTS)).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.float32)
    backend = None if model is None else model.backend
    return (x, y) if backend is None else (backend.asarray(x), backend.asarray(y))


def profiled(model=None, optimizer=None, **options):
    return portanet.profile(
        model or blog(), *batch(), optimizer, **{"repeats": 3, "fast": False, **options}
    )


def rows_of(found, operation, place):
    return [row for row in found.rows if operation in row.operations and place in row.places]


def test_products_are_counted():
    found = profiled()
    products = [row for row in found.rows if row.operations == ("matmul",)]
    assert [(row.places[0], row.flops) for row in products] == [
        ("layers.0.forward", FORWARD),
        ("layers.2.forward", LAST),
        ("layers.2.backward", LAST),
        ("layers.2.backward", LAST),
        ("layers.0.backward", FORWARD),  # nobody wants dL/dx of the first layer
    ]
    assert all(row.gflops == row.flops / row.microseconds / 1e3 for row in products)
    assert sum(row.flops for row in found.rows) == 2 * FORWARD + 3 * LAST


def test_bytes_are_counted_once_an_array():
    found = profiled()
    (product,) = rows_of(found, "matmul", "layers.0.forward")
    assert product.read == F4 * (N * INPUTS + INPUTS * HIDDEN)
    assert product.written == F4 * N * HIDDEN
    (add,) = rows_of(found, "add", "layers.0.forward")
    assert (add.read, add.written) == (F4 * (N * HIDDEN + HIDDEN), F4 * N * HIDDEN)
    (mask,) = rows_of(found, "greater", "layers.1.backward")
    assert (mask.read, mask.written) == (F4 * N * HIDDEN, N * HIDDEN)  # a byte a boolean


def test_rows_say_where_results_lie():
    found = profiled()
    (product,) = rows_of(found, "matmul", "layers.0.forward")
    (add,) = rows_of(found, "add", "layers.0.forward")
    assert add.in_place
    assert product.buffer == add.buffer
    assert add.shape == (N, HIDDEN)
    move = found.rows[-1]
    assert (move.places, move.operations) == (("optimizer.update",), ("subtract",))
    assert (move.buffer, move.in_place) == ("flat:0", True)  # parameters are written in place
    assert move.shape == (INPUTS * HIDDEN + HIDDEN + HIDDEN + 1,)
    (total,) = rows_of(found, "add", "epoch.loss")
    assert total.buffer == "total:loss"


def test_homes_are_parameters_slots_and_sums():
    n = INPUTS * HIDDEN + HIDDEN + HIDDEN + 1
    assert profiled().homes == F4 * n + 8  # the sum of losses is kept in float64
    model = blog()
    assert profiled(model, Adam(model)).homes == F4 * 3 * n + 8


def test_the_arena_holds_the_batch_and_the_gradients():
    n = INPUTS * HIDDEN + HIDDEN + HIDDEN + 1
    assert profiled().arena >= F4 * (N * INPUTS + N + n)


@pytest.mark.parametrize("fuse", [True, False])
def test_shares_add_up(fuse):
    found = profiled(fuse=fuse)
    assert sum(row.share for row in found.rows) == pytest.approx(1, abs=1e-9)
    assert all(row.microseconds >= 0 for row in found.rows)
    assert min(found.step, found.readable, found.products) > 0
    assert found.repeats == 3


def test_layers_take_what_their_lines_take():
    found = profiled()
    layer = found.layers["layers.0 Linear"]
    mine = [row for row in found.rows if row.places == ("layers.0.forward",)]
    assert layer["forward"] == pytest.approx(sum(row.microseconds for row in mine))
    assert layer["flops"] == 2 * FORWARD
    assert layer["operations"] == 4  # two products, the bias, and its gradient
    assert layer["update"] is None
    total = sum(
        part[time] or 0
        for part in found.layers.values()
        for time in ("forward", "backward", "update", "together")
    )
    assert total == pytest.approx(sum(row.microseconds for row in found.rows))
    assert list(found.layers) == [
        "layers.0 Linear",
        "layers.1 ReLU",
        "layers.2 Linear",
        "criterion BCEWithLogits",
        "epoch",
        "optimizer",
    ]


@needs_llvm
def test_compiled_calls_list_what_they_do():
    found = profiled(fast=True)
    calls = {row.inside for row in found.rows if row.inside}
    assert "run_kernels(steps1)" in calls
    for call in calls:
        (row,) = [row for row in found.rows if row.line == call and not row.inside]
        parts = [part for part in found.rows if part.inside == call]
        assert row.operations == tuple(op for part in parts for op in part.operations)
        assert (row.read, row.written) == (
            sum(p.read for p in parts),
            sum(p.written for p in parts),
        )
        assert all(part.microseconds is None and part.share is None for part in parts)
    assert sum(row.flops for row in found.rows if not row.inside) == 2 * FORWARD + 3 * LAST
    assert sum(part["flops"] for part in found.layers.values()) == 2 * FORWARD + 3 * LAST
    assert sum(row.share for row in found.rows if not row.inside) == pytest.approx(1, abs=1e-9)


def test_nothing_of_yours_is_trained():
    model = Sequential([Linear(INPUTS, 4), BatchNorm1d(4), Linear(4, 1)], BCEWithLogits())
    optimizer = Adam(model, lr=0.1)
    before = copy.deepcopy((model, optimizer))
    profiled(model, optimizer)
    assert optimizer.n_steps == before[1].n_steps == 0
    for name, p in before[0].named_parameters().items():
        np.testing.assert_array_equal(model.named_parameters()[name].value, p.value)
        assert model.named_parameters()[name].grad is None
    for name, b in before[0].named_buffers().items():
        np.testing.assert_array_equal(model.named_buffers()[name].value, b.value)


def test_kernels_and_states_that_are_copied():
    portanet.seed(0)
    model = Sequential(
        [Conv2d(1, 2, 3), ReLU(), Flatten(), BatchNorm1d(72), Linear(72, 3)], CrossEntropy()
    )
    x, y = np.ones((4, 1, 8, 8), np.float32), np.asarray([0, 1, 2, 0])
    found = portanet.profile(model, x, y, repeats=1, fast=False)
    (kernel,) = rows_of(found, "kernel:conv2d", "layers.0.forward")
    assert kernel.read >= F4 * 4 * 64
    assert kernel.written == F4 * 4 * 2 * 36
    assert any("running_mean" in row.buffer for row in found.rows)


def test_steps_that_move_are_shown_when_gradients_are_accumulated():
    model = blog()
    found = profiled(model, SGD(model, lr=0.1, accumulate=3))
    assert found.rows[-1].buffer == "flat:0"


def test_the_text_is_a_table():
    found = profiled()
    text = str(found)
    assert repr(found) == text
    assert text.startswith("A training step on numpy: ")
    for words in (
        "layers.0.forward",
        "flat:0 (in place)",
        "layers.1 ReLU",
        "GFLOP/s",
        "homes 2.5 KiB",
        "Medians of 3.",
    ):
        assert words in text
    lines = text.split("\n\n")[1].splitlines()
    assert len(lines) == 1 + len(found.rows)


class Branches(Layer):
    """What it computes depends on the numbers: no plan can be made of it."""

    def forward(self, x, *, training=False):
        return x if x.sum() > 0 else -x

    def backward(self, grad):
        return grad


def test_what_cannot_be_compiled_says_why():
    model = Sequential([Branches(), Linear(INPUTS, 1)], BCEWithLogits())
    with pytest.raises(
        ArgumentError, match=r"profile: the step must be one that can be compiled, is not: .*branch"
    ):
        profiled(model)


def test_repeats_must_be_a_count():
    with pytest.raises(ArgumentError, match="repeats"):
        profiled(repeats=0)


def test_every_backend_shows_the_same_products_or_says_why_not(backend):
    model = blog().to(backend.name, device=backend.device)
    if backend.name not in ("numpy", "cupy", "jax"):
        with pytest.raises(
            ArgumentError, match=f"backend '{backend.name}' takes steps as they are"
        ):
            portanet.profile(model, *batch(model), repeats=1)
        return
    found = portanet.profile(model, *batch(model), repeats=2)
    assert found.backend == backend.name
    assert sum(row.flops for row in found.rows if not row.inside) == 2 * FORWARD + 3 * LAST
    assert sum(row.share or 0 for row in found.rows) == pytest.approx(1, abs=1e-9)
    places = {place for row in found.rows for place in row.places}
    assert {"layers.0.forward", "criterion.gradient", "optimizer.update"} <= places


def test_the_page_about_the_compiler_is_true():
    page = Path(__file__).parents[1] / "docs" / "compiler.md"
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=flags)
    assert tried > 10
    assert failed == 0
