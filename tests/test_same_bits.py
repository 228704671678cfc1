"""fast="same bits": LLVM compiles what gives NumPy's bits, so that nothing depends on when it does.

Every row of the catalogue, in float32 and float64: a step's losses, gradients and weights are those
of NumPy, bit for bit, before a plan is compiled and after.
"""

import copy
import warnings
from itertools import pairwise

import numpy as np
import pytest
from cases import LAYERS, LOSSES
from cases_optimizers import OPTIMIZERS
from cases_sequences import MORE_SEQUENCES
from hypothesis import given, settings
from hypothesis import strategies as st
from test_compiler import Scale, batches, small

import portanet
from portanet import SGD, Adam, Linear, ReLU, Sequential
from portanet.compiler import NotCompiledWarning, compile_step
from portanet.compiler.engines.llvm import row_sums, same_bits
from portanet.compiler.engines.llvm.plan import LlvmPlan
from portanet.compiler.engines.numpy import engine
from portanet.compiler.engines.numpy.pays import Savings
from portanet.errors import ArgumentError
from portanet.losses import MSE

pytest.importorskip("llvmlite", reason="plans are compiled by LLVM (extra `fast`)")


@pytest.fixture(autouse=True)
def nothing_saved_yet(monkeypatch):
    """Each test begins like a process."""
    monkeypatch.setattr(Savings, "_lost", 0.0)
    monkeypatch.setattr(Savings, "_known", frozenset())


def compiled_beside(model, rule=lambda model: SGD(model, lr=1e-3)):
    """Two steps of one start: with NumPy alone, and compiled at the first step that may be."""
    portanet.seed(0)
    twin = copy.deepcopy(model)
    numpy, llvm = (
        compile_step(m, rule(m), fast=fast) for m, fast in ((model, False), (twin, "same bits"))
    )
    llvm.n_to_come = 10**9  # it pays at once
    return numpy, llvm


def assert_same_bits(numpy, llvm, data):
    for x, y in data:
        assert numpy(x, y).tobytes() == llvm(x, y).tobytes()
        for mine, other in zip(llvm.model.parameters(), numpy.model.parameters(), strict=True):
            assert mine.grad.tobytes() == other.grad.tobytes()
            assert mine.value.tobytes() == other.value.tobytes()
    assert llvm.refused is None
    assert all(isinstance(planned.plan, LlvmPlan) for planned in llvm.plans.values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [*LAYERS, *MORE_SEQUENCES], ids=lambda case: case.id)
def test_layers(case, dtype):
    if "dropout" in case.id.lower():
        pytest.skip("two networks draw other numbers; test_compiler.py compares bits")
    x, layer = case.input(), case.layer()
    floats = x.dtype.kind == "f"
    x = x.astype(dtype) if floats else x
    model = Sequential([Scale(), layer] if floats else [layer], MSE()).to(dtype=dtype)
    shape = copy.deepcopy(model)(x).shape
    y = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    assert_same_bits(*compiled_beside(model), [(x, y)] * 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_losses(case, dtype):
    y_hat, y = case.data()
    y = y.astype(dtype) if y.dtype.kind == "f" else y
    model = Sequential([Scale()], case.make()).to(dtype=dtype)
    assert_same_bits(*compiled_beside(model), [(y_hat.astype(dtype), y)] * 6)


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.id)
def test_rules(case):
    steps = compiled_beside(small(), lambda model: case.make(model, clip_norm=1.0))
    assert_same_bits(*steps, batches(12))


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_networks_of_any_size(data):
    """Widths and lengths of 1, 8, 129 … are where NumPy and BLAS change their ways of adding."""
    sizes = st.sampled_from([1, 2, 3, 7, 8, 9, 16, 33, 129, 257])
    n, widths = data.draw(sizes), [data.draw(sizes) for _ in range(4)]
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    layers = [part for a, b in pairwise(widths) for part in (Linear(a, b), ReLU())]
    model = Sequential(layers[:-1], MSE()).to(dtype=dtype)
    x = rng.standard_normal((n, widths[0])).astype(dtype)
    y = rng.standard_normal((n, widths[-1])).astype(dtype)
    steps = compiled_beside(model, lambda model: Adam(model, lr=0.01))
    assert_same_bits(*steps, [(x, y)] * 5)


def test_sums_products_and_functions_that_have_other_bits_stay_numpys():
    model = Sequential([Linear(6, 5), portanet.Tanh(), Linear(5, 1)], MSE()).to(dtype="float64")
    _, llvm = compiled_beside(model)
    x = np.random.default_rng(0).standard_normal((40, 6))
    for _ in range(6):
        llvm(x, x[:, :1])
    (planned,) = llvm.plans.values()
    calls = [line for line, _ in planned.plan.lines if "run_kernels" not in line]
    assert sum("tanh" in line for line in calls) == 1
    assert sum("matmul" in line for line in calls) == 3  # those with a vector


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_along_rows_have_numpys_bits_at_every_length(dtype):
    lengths = range(2, 129)
    assert [n for n in lengths if not row_sums._has_numpys_bits(n, dtype)] == []


def softmax_of(n):
    """Two steps of a network whose softmax adds up rows of n numbers, and its data."""
    layers = [Linear(6, n), portanet.Softmax()]
    steps = compiled_beside(Sequential(layers, MSE()).to(dtype="float64"))
    rng = np.random.default_rng(0)
    return steps, [(rng.standard_normal((40, 6)), rng.standard_normal((40, n)))] * 5


def sums_of_numpy(llvm):
    (planned,) = llvm.plans.values()
    return sum("sum_reduce" in line and ", -1" in line for line, _ in planned.plan.lines)


def test_sums_along_rows_are_kernels():
    (numpy, llvm), data = softmax_of(11)
    assert_same_bits(numpy, llvm, data)
    assert sums_of_numpy(numpy) > 0
    assert sums_of_numpy(llvm) == 0


def test_sums_along_rows_stay_numpys_where_its_order_is_another(monkeypatch):
    """As if NumPy added from the last number to the first."""
    monkeypatch.setattr(row_sums, "_has_numpys_bits", row_sums._has_numpys_bits.__wrapped__)
    monkeypatch.setattr(row_sums, "numpys_sums", lambda x: np.add.reduce(x[:, ::-1], -1))
    (numpy, llvm), data = softmax_of(11)
    assert_same_bits(numpy, llvm, data)
    assert sums_of_numpy(llvm) == sums_of_numpy(numpy)


def test_a_plan_is_compiled_once_all_steps_of_the_process_have_paid_for_it(monkeypatch):
    monkeypatch.setattr(Savings, "_lost", -1e9)
    _, first = compiled_beside(small())
    first.n_to_come = 0
    data = [batches(1)[0]] * 70
    for x, y in data:
        first(x, y)
    (planned,) = first.plans.values()
    assert not planned.plan.compiled
    assert Savings._lost > -1e9
    monkeypatch.setattr(Savings, "_lost", 1e9)  # as if others had taken many steps
    for x, y in data:
        first(x, y)
    assert planned.plan.compiled
    assert Savings._lost < 1e9
    # what has been compiled is paid for, but for what may be fused otherwise
    monkeypatch.setattr(Savings, "_lost", 0.1)
    second = compiled_beside(small())[1]
    second.n_to_come = 0
    for x, y in data[:10]:
        second(x, y)
    (planned,) = second.plans.values()
    assert planned.plan.compiled


def test_a_compiled_plan_with_other_bits_is_not_used(monkeypatch):
    """As if NumPy added up rows in another order than these kernels do."""
    monkeypatch.setattr(same_bits, "_adds_rows", lambda node: True)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 30)), rng.standard_normal((200, 1))
    model = Sequential([Linear(30, 40), ReLU(), Linear(40, 1)], MSE()).to(dtype="float64")
    numpy, llvm = compiled_beside(model)

    def take():
        for step in [numpy, llvm] * 6:
            step(x, y)

    with pytest.warns(NotCompiledWarning, match="rejected, continuing with the NumPy version"):
        take()
    (planned,) = llvm.plans.values()
    assert not planned.plan.compiled
    for mine, other in zip(llvm.model.parameters(), numpy.model.parameters(), strict=True):
        assert np.array_equal(mine.value, other.value)


def test_trainers_take_it(monkeypatch):
    monkeypatch.setattr(Savings, "_lost", 1e9)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 5))
    found = {}
    for fast in (False, "same bits"):
        portanet.seed(0)
        layers = [Linear(5, 8), ReLU(), portanet.Dropout(0.2), Linear(8, 1)]
        model = Sequential(layers, MSE()).to(dtype="float64")
        data = portanet.DataLoader(portanet.Dataset(X, X[:, :1] ** 2), 20, shuffle=True)
        trainer = portanet.Trainer(model, Adam(model), data, data, fast=fast)
        trainer.train(12, log_level=0)
        found[fast] = trainer.history, [p.value.tobytes() for p in model.parameters()]
    assert trainer.compiled is not None
    assert all(planned.plan.compiled for planned in trainer.compiled.plans.values())
    assert found[False] == found["same bits"]


@pytest.mark.parametrize("what", ["installed", "available"])
def test_without_llvmlite_or_a_machine_that_it_knows_it_is_numpy(what, monkeypatch):
    monkeypatch.setattr(engine.machine, what, lambda: False)
    _, llvm = compiled_beside(small())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x, y in batches(6):
            llvm(x, y)
    (planned,) = llvm.plans.values()
    assert not planned.plan.compiled


def test_unfused_steps_stay_one_call_for_each_operation():
    model = small()
    step = compile_step(model, SGD(model, lr=0.1), fuse=False, fast="same bits")
    step.n_to_come = 10**9
    for x, y in batches(6):
        step(x, y)
    (planned,) = step.plans.values()
    assert not planned.plan.compiled


@pytest.mark.parametrize("fast", ["exact", 1, "False"])
def test_other_words_are_refused(fast):
    model = small()
    with pytest.raises(ArgumentError, match=r"fast must be True, False, 'same bits' or None"):
        compile_step(model, SGD(model, lr=0.1), fast=fast)
