"""Fused plans, compiled by LLVM: as near to float64 as the readable step is, for every row."""

import copy
import warnings

import numpy as np
import pytest
from cases import LAYERS, LOSSES
from cases_optimizers import OPTIMIZERS
from cases_sequences import MORE_SEQUENCES
from test_compiler import Scale, batches, small

import portanet
from portanet import SGD, Adam, Sequential
from portanet.compiler import compile_step
from portanet.compiler.engines.llvm.plan import LlvmPlan
from portanet.compiler.engines.numpy import engine
from portanet.losses import MSE

pytest.importorskip("llvmlite", reason="fused plans on NumPy are compiled by LLVM (extra `fast`)")

EPSILON = float(np.finfo(np.float32).eps)
# Where all of a gradient cancels (that of a scale before a normalization is 0), what is left is
# the rounding of its terms, which are as large as other gradients or the losses: ulps of those.
CANCELLED_ULPS = 32


def gradients(model, x, y, dtype):
    """The losses and gradients of a readable step in a dtype."""
    model = copy.deepcopy(model).to(dtype=dtype)
    x, y = (a.astype(dtype) if a.dtype.kind == "f" else a for a in (x, y))
    losses = model.criterion.forward(model.forward(x, training=True), y, training=True)
    model.backward()
    return {"losses": losses, **{name: p.grad for name, p in model.named_parameters().items()}}


def assert_near_float64(model, x, y, ulps):
    """Hold a compiled step's gradients to those of float64 from the same start and batch."""
    step = compile_step(model, SGD(model, lr=1e-3), fast=True)
    for _ in range(2):  # traced, then checked
        step(x, y)
    wanted = gradients(model, x, y, "float64")
    losses = step(x, y)
    assert step.refused is None
    got = {"losses": losses, **{name: p.grad for name, p in model.named_parameters().items()}}
    largest = max(np.abs(g).max(initial=0) for g in wanted.values())
    for name, exact in wanted.items():
        assert got[name].dtype == np.float32
        far = np.abs(got[name] - exact).max(initial=0)
        own = np.abs(exact).max(initial=0)
        assert far <= EPSILON * max(ulps * own, CANCELLED_ULPS * largest), (
            name,
            far / EPSILON / own,
        )


@pytest.mark.parametrize("case", [*LAYERS, *MORE_SEQUENCES], ids=lambda case: case.id)
def test_layers_are_near_float64(case):
    if "dropout" in case.id.lower():
        pytest.skip("draws of a second run differ; test_compiler.py compares bits")
    x, layer = case.input(), case.layer()
    floats = x.dtype.kind == "f"
    x = x.astype(np.float32) if floats else x
    model = Sequential([Scale(), layer] if floats else [layer], MSE()).to(dtype="float32")
    shape = copy.deepcopy(model)(x).shape
    y = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    assert_near_float64(model, x, y, 4 * case.ulps)  # a loss and a scale more than the row has


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_losses_are_near_float64(case):
    y_hat, y = case.data()
    y = y.astype(np.float32) if y.dtype.kind == "f" else y
    model = Sequential([Scale()], case.make()).to(dtype="float32")
    assert_near_float64(model, y_hat.astype(np.float32), y, 4 * case.ulps)


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.id)
def test_rules_move_alike(case):
    """The readable step, given the compiled step's gradients, moves the weights to the same ulps."""
    model = small()
    step = compile_step(model, case.make(model, clip_norm=1.0), fast=True)
    twin = copy.deepcopy(model)
    readable = case.make(twin, clip_norm=1.0)
    for x, y in batches(12):
        step(x, y)
        for name, p in twin.named_parameters().items():
            p.grad = np.array(model.named_parameters()[name].grad)
        readable.step()
    assert step.refused is None
    for name, p in twin.named_parameters().items():
        mine = model.named_parameters()[name].value
        largest = np.abs(p.value).max()
        assert np.abs(mine - p.value).max() <= case.ulps * EPSILON * largest, name


def pays_after(monkeypatch, n_steps):
    """Let compiled plans be in use from a step on."""
    monkeypatch.setattr(engine, "steps_until_it_pays", lambda graph: n_steps)


def test_a_plan_that_has_been_in_use_for_long_is_compiled(monkeypatch):
    pays_after(monkeypatch, 10)
    model, twin = small(), small()
    step, readable = compile_step(model, Adam(model)), compile_step(twin, Adam(twin), fast=False)
    for x, y in batches(100):
        step(x, y)
        readable(x, y)
    (planned,) = step.plans.values()
    assert isinstance(planned.plan, LlvmPlan)
    assert planned.verified
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        # Adam makes much of rounding noise: a hundred steps of 1e-3 stay within one of them
        assert np.abs(mine.value - other.value).max() < 1e-3


@pytest.mark.parametrize("fault", ["wrong numbers", "no plan at all"])
def test_a_faster_plan_that_is_wrong_is_not_used(monkeypatch, fault):
    pays_after(monkeypatch, 10)
    make_lines, set_numbers = LlvmPlan.make_lines, LlvmPlan.set_numbers

    def broken_lines(self):
        if fault == "no plan at all":
            raise RuntimeError("LLVM cannot")
        return make_lines(self)

    def wrong_numbers(self, numbers, drawn):
        set_numbers(self, numbers, drawn)
        for _, array in self.scalars:
            array.fill(7)

    monkeypatch.setattr(LlvmPlan, "make_lines", broken_lines)
    monkeypatch.setattr(LlvmPlan, "set_numbers", wrong_numbers)
    model, twin = small(), small()
    step, plain = compile_step(model, Adam(model)), compile_step(twin, Adam(twin), fast=False)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for x, y in batches(100):
            step(x, y)
            plain(x, y)
    assert [w.category for w in told] == [portanet.NotCompiledWarning]
    assert "the compiled version was rejected, continuing with the NumPy version" in str(
        told[0].message
    )
    assert step.refused is None
    # one step was taken by gradients that LLVM's plan had rounded its own way
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(mine.value, other.value, rtol=0, atol=64 * EPSILON)
