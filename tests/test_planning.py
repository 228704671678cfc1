"""Where the values of a plan lie, and that planning takes as long as the network is, not its square."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans import homes_of

import portanet
from portanet import (
    LSTM,
    SGD,
    BCEWithLogits,
    Group,
    Layer,
    Linear,
    Parameter,
    ReLU,
    Sequential,
)
from portanet.backends import get
from portanet.compiler.engines.numpy.engine import NumpyEngine
from portanet.compiler.errors import PlanError
from portanet.compiler.graph.graph import Graph, Value
from portanet.compiler.memory.arena import Layout
from portanet.compiler.memory.arrays import PlanArrays
from portanet.compiler.memory.packing import ALIGNMENT, GAP, Block, pack, rounded_up
from portanet.compiler.memory.strides import compact_strides, laid_out, settle_strides, strides_of
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.trace import trace_step
from portanet.losses import MSE

F4 = np.dtype("float32")

blocks = st.lists(
    st.tuples(st.integers(1, 500), st.integers(0, 20), st.integers(0, 20)), max_size=30
)


def lowest(block, placed):
    """The lowest place that is free, found by trying all that may be."""
    meeting = [o for o in placed if not (o.birth > block.death or o.death < block.birth)]
    stops = {0, *(rounded_up(o.offset + o.n_bytes + GAP) for o in meeting)}
    return min(
        s
        for s in stops
        if all(
            s + block.n_bytes < o.offset or s >= rounded_up(o.offset + o.n_bytes + GAP)
            for o in meeting
        )
    )


@given(blocks)
def test_the_largest_choose_first_each_the_lowest_place(sizes):
    made = [Block(n, birth=min(a, b), death=max(a, b)) for n, a, b in sizes]
    n_bytes = pack(made)
    placed = []
    for block in sorted(made, key=lambda b: -b.n_bytes):
        assert block.offset == lowest(block, placed)
        assert block.offset % ALIGNMENT == 0
        placed.append(block)
    assert n_bytes == rounded_up(max([b.offset + b.n_bytes for b in made], default=0))


def planning(length, **options):
    """Plan a step of a recurrent network; return how many calls of functions that takes."""
    portanet.seed(0)
    model = Sequential([LSTM(3, 4, return_sequences=False), Linear(4, 1)], BCEWithLogits())
    x, y = np.ones((2, length, 3), F4), np.ones((2, 1), F4)
    engine = NumpyEngine(get("numpy"), True, False)
    trace = trace_step(model, SGD(model, lr=0.1), x, y, engine.same_memory)
    homes = homes_of(trace.tape.graph, get("numpy"))
    n_calls = 0

    def count(frame, event, argument):
        nonlocal n_calls
        n_calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        plan(trace.tape.graph, homes, engine, **options)
    finally:
        sys.setprofile(None)
    return n_calls


def plan(graph, homes, engine, *, groups=False):
    if not groups:
        return engine.plan(graph, homes)
    from portanet.compiler.engines.llvm.text import has_text
    from portanet.compiler.fusion.units import fused_units

    return fused_units(graph, has_text, 48)


@pytest.mark.parametrize("groups", [False, True])
def test_planning_takes_as_many_calls_as_there_are_time_steps(groups):
    few, many = planning(10, groups=groups), planning(40, groups=groups)
    assert many < 4.2 * few


# how values lie


def lying(shape, strides):
    return Value("input", shape, F4, strides)


@pytest.mark.parametrize(
    ("shape", "strides", "wanted"),
    [
        ((2, 3), (20, 4), (12, 4)),
        ((2, 3), (4, 40), (4, 8)),
        ((2, 3), (-20, -4), (12, 4)),
        ((2, 3), (0, 0), (12, 4)),
        ((2, 1, 3), (20, 0, 4), (12, 0, 4)),
        ((), (), ()),
        ((0, 3), (12, 4), (0, 4)),
    ],
)
def test_values_lie_without_gaps_in_the_order_of_their_axes(shape, strides, wanted):
    value = lying(shape, strides)
    assert compact_strides(value) == wanted
    value.strides = wanted
    array = laid_out(np.zeros(value.size, F4), value)
    assert array.shape == shape
    assert value.size == 0 or strides_of(array) == wanted


TABLE = np.random.default_rng(0).standard_normal((8, 40)).astype(F4)
LAYOUTS = {
    "as it is": lambda x: x,
    "columns of a wider table": lambda x: np.concatenate([x, x], 1)[:, : x.shape[1]],
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "Fortran's order": np.asfortranarray,
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "the same row": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fast", [False, True])
def test_a_plan_is_right_however_the_traced_batch_lies(layout, fast):
    """And reads no other memory than its own: the batches of later steps lie otherwise."""
    if fast:
        pytest.importorskip("llvmlite", reason="compiled by LLVM (extra `fast`)")
    x = LAYOUTS[layout](TABLE[:, :5])
    y = (TABLE[:, 5:6] > 0).astype(F4)
    model = Sequential([Linear(5, 4), ReLU(), Linear(4, 1)], BCEWithLogits())
    engine = NumpyEngine(get("numpy"), True, fast)
    trace = trace_step(model, SGD(model, lr=0.1), x, y, engine.same_memory)
    homes = homes_of(trace.tape.graph, get("numpy"))
    plan = engine.plan(trace.tape.graph, homes)
    other = TABLE[:, 10:15]
    plan.load(other, y)
    plan.set_numbers([group.scalars for group in trace.groups], [])
    twin = Sequential([Linear(5, 4), ReLU(), Linear(4, 1)], BCEWithLogits())
    for name, p in twin.named_parameters().items():
        p.value = home_of(plan, trace, name).copy()
    plan.replay()
    wanted = twin.criterion.forward(twin.forward(other, training=True), y)
    np.testing.assert_allclose(plan.losses(), wanted, rtol=1e-5)


def home_of(plan, trace, name):
    (group,) = trace.groups
    return plan.find(group.values[name].traced)


def test_views_of_a_batch_that_lies_otherwise_are_made_anew():
    wide = np.arange(40, dtype=F4).reshape(4, 10)
    tape = Tape(get("numpy"), np.may_share_memory)
    x = tape.leaf("input", wide[:, :6], "x")
    tape.graph.inputs["x"] = x.traced
    rows = tape.namespace.reshape(x.T[1:], (5, 2, 2))
    tape.result("turned", rows + 1)
    plan = NumpyEngine(get("numpy"), True, False).plan(tape.graph, {})
    plan.inputs["x"][...] = wide[:, 4:]
    plan.replay()
    wanted = wide[:, 4:].T[1:].reshape(5, 2, 2) + 1
    np.testing.assert_array_equal(plan.results["turned"], wanted)


def test_a_state_lies_as_its_home_does():
    value = Value("state", (2, 3), F4, (20, 4), name="w")
    graph = Graph(states={"w": value})
    settle_strides(graph, {"w": np.zeros((2, 3), F4)}, np.empty)
    assert value.strides == (12, 4)


def test_a_value_that_does_not_lie_as_it_says_is_an_error():
    home, value = np.zeros((2, 3), F4), Value("state", (2, 3), F4, (20, 4), name="w")
    arrays = PlanArrays(Layout(), np.zeros(0), {"w": home}, np.may_share_memory)
    with pytest.raises(PlanError, match=r"must have the strides \(20, 4\) .*, has \(12, 4\)"):
        arrays.find(value)


def test_a_view_that_would_be_a_copy_is_an_error():
    tape = Tape(get("numpy"), np.may_share_memory)
    x = tape.state("x", np.zeros((4, 6), F4))
    view = tape.namespace.reshape(x, (-1,)).traced
    x.traced.strides = (4, 16)  # of an array in Fortran's order
    home = {"x": np.zeros((4, 6), F4, order="F")}
    arrays = PlanArrays(Layout(), np.zeros(0), home, np.may_share_memory)
    with pytest.raises(PlanError, match=r"must be a view of <x .*, is a copy in its plan"):
        arrays.find(view)


class Shifts(Layer):
    """y = x + p0 + p1 + …"""

    def __init__(self, n):
        self.parts = [Parameter(np.zeros(3, F4)) for _ in range(n)]

    def forward(self, x, *, training=False):
        for p in self.parts:
            x = x + p.value
        return x

    def backward(self, grad):
        for p in self.parts:
            p.grad = grad.sum(axis=0)
        return grad


def test_a_step_may_have_as_many_numbers_of_its_own_as_there_are_parameters():
    pytest.importorskip("llvmlite", reason="compiled by LLVM (extra `fast`)")
    model = Sequential([Shifts(70)], MSE())
    groups = [
        Group(lambda name, p, i=i: name == f"layers.0.parts.{i}", lr=2.0**-i) for i in range(70)
    ]
    x, y = np.zeros((4, 3), F4), np.ones((4, 3), F4)
    engine = NumpyEngine(get("numpy"), True, True)
    trace = trace_step(model, SGD(model, lr=1.0, groups=groups), x, y, engine.same_memory)
    homes = {
        name: np.zeros_like(home) for name, home in homes_of(trace.tape.graph, get("numpy")).items()
    }
    plan = engine.plan(trace.tape.graph, homes)
    plan.load(x, y)
    plan.set_numbers([group.scalars for group in trace.groups], [])
    plan.replay()
    found = [home[0] for name, home in homes.items() if home.shape == (3,)]
    grad = found[0]  # its learning rate is 1
    np.testing.assert_array_equal(found, [grad * 2.0**-i for i in range(70)])
    assert grad > 0
