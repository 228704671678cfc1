"""What a replayed step costs on a CUDA device, counted: launches, copies, waiting, memory.

Run with the simulated device only; `cupycpu` counts what CuPy asks of it.
"""

import gc
from functools import lru_cache

import cupycpu
import numpy as np
import pytest

import portanet
from portanet import (
    SGD,
    AdamW,
    BCEWithLogits,
    Conv2d,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    MultiHeadAttention,
    ReLU,
    Sequential,
    Trainer,
    backends,
    compile_step,
    demo,
)
from portanet.backends._cupy import compiling
from portanet.backends._cupy.blas import Products
from portanet.backends._cupy.compiling import compile_cuda
from portanet.backends._cupy.gather import gather
from portanet.backends._cupy.graph import Replay
from portanet.backends._cupy.inputs import StepInputs
from portanet.backends._cupy.memory import PrivateMemory

MOVE = """
extern "C" __global__ void move(float* w, const float* grad, const float* lr) {
    w[threadIdx.x] -= *lr * grad[threadIdx.x];
}
"""


@pytest.fixture(autouse=True)
def _between_verifications(monkeypatch):
    """Steps 4, 8, 16 … are verified against the readable step; what is counted are the others."""
    from portanet.compiler.runtime.checked_plan import CheckedPlan

    monkeypatch.setattr(CheckedPlan, "plan_ahead", lambda self: setattr(self, "until_event", 10**9))


@pytest.fixture
def cp():
    return backends.get("cupy")._cp


def one_layer(cp, memory):
    """w <- w - lr xᵀ y on gathered batches; returns w, the inputs and the replay."""
    X, y = cp.ones((100, 8), "float32"), cp.ones((100, 1), "float32")
    order = cp.asarray(np.random.default_rng(0).permutation(100))
    inputs = StepInputs({"position": ((), "int64"), "lr": ((), "float32")}, memory)
    batch = [memory.empty((16, n), "float32") for n in (8, 1)]
    w, grad = memory.empty((8, 1), "float32"), memory.empty((8, 1), "float32")
    w[...] = 0
    move = compile_cuda(MOVE, ["move"])["move"]
    calls = [
        gather([X, y], order, inputs["position"], batch),
        Products(memory).prepare(batch[0].T, batch[1], grad),
        lambda: move((1,), (8,), (w, grad, inputs["lr"])),
    ]
    return w, inputs, Replay(calls)


@pytest.mark.parametrize("mode", ["eager", "lazy"])
@pytest.mark.parametrize("capture", [False, True])
def test_a_step(capture, mode, cp):
    memory = PrivateMemory()
    w, inputs, replay = one_layer(cp, memory)
    inputs.send({"position": 0, "lr": 0.5})
    replay.run()
    if capture:
        replay.capture()
    with cupycpu.streams(mode):
        with cupycpu.count() as c:
            for step in range(5):
                inputs.send({"position": step * 16, "lr": 0.5 / (step + 2)})
                replay.launch()
        print(f"\nfive steps, {mode}, captured: {capture}: {c}")
        assert (c.h2d, c.d2h, c.syncs, c.allocs, c.frees, c.pinned_allocs) == (5, 0, 0, 0, 0, 0)
        assert (c.graph_launches, c.launches, c.blas) == ((5, 0, 0) if capture else (0, 10, 5))
        # the sixteen products of ones, each rate applied once; eps for each of the roundings
        rates = np.cumsum([0.5 / (k + 1) for k in range(6)])[-1]
        assert np.allclose(w.get(), -16 * rates, rtol=12 * 2.0**-24, atol=0)


@pytest.mark.usefixtures("cp")
def test_what_has_not_changed_is_not_sent():
    inputs = StepInputs({"lr": ((), "float32")}, PrivateMemory())
    with cupycpu.count() as c:
        for _ in range(5):
            inputs.send({"lr": 0.1})
    assert (c.h2d, c.bytes_h2d) == (1, 16)


@pytest.mark.usefixtures("cp")
def test_a_ring_waits_only_when_the_host_is_a_ring_ahead():
    inputs = StepInputs({"lr": ((), "float64")}, PrivateMemory())
    with cupycpu.streams("lazy"):
        with cupycpu.count() as c:
            for step in range(64):
                inputs.send({"lr": 1.0 + step})
        assert (c.h2d, c.syncs) == (64, 0)
        with cupycpu.count() as c:
            inputs.send({"lr": 0.0})
        assert c.syncs <= 1


def test_memory_goes_back_with_its_owner(cp):
    gc.collect()
    common = cp.get_default_memory_pool()
    with cupycpu.count() as c:
        start = c.bytes_in_use - common.total_bytes()
        memory = PrivateMemory()
        w, inputs, replay = one_layer(cp, memory)
        inputs.send({"position": 0, "lr": 0.5})  # else rows are gathered from anywhere
        replay.run()
        replay.capture()
        assert c.bytes_in_use - common.total_bytes() - start == memory.bytes > 0
        del w, inputs, replay, memory
        gc.collect()
        assert c.bytes_in_use - common.total_bytes() == start


def n_modules():
    """How many modules of kernels are loaded."""
    with open("/proc/self/maps") as lines:
        return sum("cupy-cpu-kernel" in line and " r-xp " in line for line in lines)


def test_modules_of_kernels_that_are_gone_are_unloaded(cp, monkeypatch):
    monkeypatch.setattr(compiling, "_module", lru_cache(2)(compiling._module.__wrapped__))
    w, start = cp.zeros(1, "float32"), n_modules()
    held = compile_cuda(MOVE.replace("-=", "+="), ["move"])["move"]
    for k in range(2, 6):
        move = compile_cuda(MOVE.replace("*lr", f"{k} * *lr"), ["move"])["move"]
        move((1,), (1,), (w, w, w))
        cp.cuda.Device().synchronize()  # before the kernel is dropped
    assert n_modules() - start == 3  # the last two, and the one that is held
    held((1,), (1,), (w, w, w))
    cp.cuda.Device().synchronize()
    del held
    assert n_modules() - start == 2


# Whole steps: the blog's network as CompiledStep replays it.


@pytest.fixture
def trainer():
    portanet.seed(0)
    X_train, _, y_train, _ = demo.split()
    layers = [Linear(30, 20), ReLU(), Linear(20, 1)]
    model = Sequential(layers, BCEWithLogits()).to("cupy")
    train_dl = DataLoader(Dataset(X_train, y_train), batch_size=64, shuffle=True)
    return Trainer(model, SGD(model, lr=0.1), train_dl)


def plans_of(trainer):
    return [planned.plan for planned in trainer.compiled.plans.values()]


def test_an_epoch_of_the_blogs_network(trainer):
    trainer.train(4, log_level=0)
    with cupycpu.count() as c:
        trainer.train(1, log_level=0)
    n = len(trainer.train_dl)
    print(f"\nan epoch of {n} steps: {c}")
    assert c.graph_launches == n
    assert c.h2d <= n + 1  # the order, and each batch's place in it
    assert (c.d2h, c.allocs) == (1, 0)  # the epoch's numbers
    assert c.syncs <= 2
    assert c.launches <= 5  # the mean of the losses; orders are copied, not computed


def test_a_step_of_the_blogs_network_is_ten_launches_without_a_graph(trainer):
    trainer.train(4, log_level=0)
    for plan in plans_of(trainer):
        with cupycpu.count() as c:
            plan._gathered.run()
        print(f"\na step, uncaptured: {c.launches} kernels, {c.blas} products")
        assert c.launches + c.blas <= 10
        assert (c.h2d, c.d2h, c.d2d, c.syncs, c.allocs) == (0, 0, 0, 0, 0)
        assert plan.layout.copies == []


def images(cp):
    portanet.seed(0)
    layers = [Conv2d(1, 4, 3, padding="same"), ReLU(), MaxPool2d(2), Flatten(), Linear(64, 4)]
    model = Sequential(layers, CrossEntropy()).to("cupy")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((16, 1, 8, 8)).astype("float32"), rng.integers(0, 4, 16)
    return model, (cp.asarray(x), cp.asarray(y))


def test_a_step_of_a_convolutional_network_is_one_graph(cp):
    model, batch = images(cp)
    step = compile_step(model, AdamW(model, lr=1e-3, clip_norm=1.0))
    for _ in range(4):
        step(*batch)
    with cupycpu.count() as c:
        step(*batch)
    print(f"\na convolutional step: {c}")
    assert (c.graph_launches, c.blas) == (1, 0)
    assert c.launches <= 2  # the batch, copied in, and its losses, copied for the caller
    assert c.h2d <= 1  # Adam's corrections
    assert (c.d2h, c.syncs, c.allocs) == (0, 0, 0)


def test_a_step_with_dropout_is_sent_no_mask(cp):
    """But where the mask begins in its stream, 32 bytes; 16 for the rate, and 16 for the batch."""
    portanet.seed(0)
    layers = [Linear(30, 20), Dropout(0.5), Linear(20, 1)]
    model = Sequential(layers, BCEWithLogits()).to("cupy")
    step = compile_step(model, SGD(model, lr=0.1))
    batch = cp.ones((64, 30), "float32"), cp.ones((64, 1), "float32")
    for _ in range(4):
        step(*batch)
    for mode in ("eager", "lazy"):
        with cupycpu.streams(mode):
            with cupycpu.count() as c:
                for _ in range(3):
                    step(*batch)
            print(f"\nthree steps with dropout, {mode}: {c}")
            assert (c.h2d, c.bytes_h2d) == (3, 3 * 64)
            assert (c.graph_launches, c.d2h, c.syncs, c.allocs) == (3, 0, 0, 0)


def bytes_beside_the_pool(cp):
    """How much device memory is allocated outside of CuPy's default pool."""
    gc.collect()
    with cupycpu.count() as c:
        return c.bytes_in_use - cp.get_default_memory_pool().total_bytes()


def test_a_capture_needs_no_memory_beside_that_of_the_first_run(cp):
    model, batch = images(cp)
    step, sizes = compile_step(model, SGD(model, lr=0.1)), {}
    for _ in range(6):
        step(*batch)
        for planned in step.plans.values():
            replay = planned.plan._loaded
            if replay._warm:
                sizes["captured" if replay.captured else "run"] = bytes_beside_the_pool(cp)
    print(f"\nmemory beside CuPy's pool: {sizes}")
    assert sizes["run"] == sizes["captured"]


def test_captures_of_a_plan_share_their_temporary_memory(cp):
    """A new data set is gathered by another graph of the same plan."""
    x, y = np.ones((64, 1, 8, 8), "float32"), np.arange(64) % 4
    loaders = [DataLoader(Dataset(x.copy(), y), batch_size=16) for _ in range(4)]
    model, _ = images(cp)
    trainer, sizes = Trainer(model, SGD(model, lr=0.1), loaders[0]), []
    for loader in loaders:
        trainer.train_dl = loader
        trainer.train(2, log_level=0)
        assert [plan._gathered.captured for plan in plans_of(trainer)] == [True]
        sizes.append(bytes_beside_the_pool(cp))
    print(f"\nmemory beside CuPy's pool, for one to four data sets: {sizes}")
    assert len(set(sizes)) == 1


def test_heads_are_multiplied_where_they_lie(cp):
    """Six products of heads, four of them concatenated after it: nothing is copied."""
    portanet.seed(0)
    layers = [MultiHeadAttention(16, 4, causal=True), Flatten(), Linear(160, 4)]
    model = Sequential(layers, CrossEntropy()).to("cupy")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 10, 16)).astype("float32"), rng.integers(0, 4, 6)
    step = compile_step(model, SGD(model, lr=0.1))
    for _ in range(4):
        step(cp.asarray(x), cp.asarray(y))
    (planned,) = step.plans.values()
    with cupycpu.count() as c:
        planned.plan._loaded.run()
    print(f"\na step of attention, uncaptured: {c}")
    assert not any(name.startswith("cupy_copy") for name in c.kernels)
    assert (c.launches, c.blas, c.d2d) == (13, 18, 0)


def test_a_plan_may_be_dropped_before_its_step_has_run(cp):
    kept, dropped = images(cp), images(cp)
    for (model, batch), drop in ((kept, False), (dropped, True)):
        step = compile_step(model, SGD(model, lr=0.1))
        for _ in range(4):
            step(*batch)
        with cupycpu.streams("lazy"):
            step(*batch)
            if drop:
                del step
                gc.collect()
            cp.cuda.Device().synchronize()
    for one, two in zip(kept[0].parameters(), dropped[0].parameters(), strict=True):
        assert np.array_equal(one.value.get(), two.value.get())
