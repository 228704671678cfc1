"""What replays a plan on a CUDA device: products, graphs, private memory, kernels, inputs, batches."""

import gc
import threading
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import pytest

from portanet.backends._cupy import blas_library as _cupy_blas
from portanet.backends._cupy import compiling
from portanet.backends._cupy.blas import Products
from portanet.backends._cupy.compiling import compile_cuda
from portanet.backends._cupy.gather import gather
from portanet.backends._cupy.graph import Replay
from portanet.backends._cupy.inputs import StepInputs
from portanet.backends._cupy.memory import PrivateMemory, Scratch
from portanet.backends._cupy.requirements import cublas_path
from portanet.backends._gemm import can_multiply, gemm
from portanet.errors import (
    ArgumentError,
    BackendError,
    DtypeError,
    MissingBackendError,
    PlacementError,
    ShapeError,
)

EPS = {"float32": 2.0**-23, "float64": 2.0**-52}
ADD = 'extern "C" __global__ void add(double* sum, const double* x) { *sum += *x; }'


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["cupy"], indirect=True)
        # conftest.py, whose turn is next, would ask for all backends
        metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


@pytest.fixture
def cp(backend):
    return backend._cp


@pytest.fixture
def memory(backend):
    return PrivateMemory()


SHAPES = [
    ((3, 4), (4, 5)), ((64, 30), (30, 20)), ((1, 7), (7, 1)), ((1, 1), (1, 1)), ((4, 1), (1, 5)),
    ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)),
    ((2, 3, 4), (2, 4, 5)), ((6, 2, 3, 4), (6, 2, 4, 5)), ((1, 3, 4), (7, 4, 2)),
    ((2, 3, 4), (4, 5)), ((5, 2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (4, 5)),
    ((3, 0), (0, 4)), ((0, 3), (3, 2)), ((2, 0, 3), (3, 2)), ((2, 3, 0), (2, 0, 2)),
]  # fmt: skip


def turned(cp, x, turn):
    """The same matrix with its columns contiguous."""
    return cp.ascontiguousarray(x.mT).mT if turn and x.ndim > 1 else x


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("shapes", SHAPES)
def test_products_are_numpys(shapes, turns, backend, cp, memory):
    """A sum of k products is off by k eps of the sum of their sizes at most, in either library."""
    rng = np.random.default_rng(0)
    for dtype, eps in EPS.items():
        x, y = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
        wanted = np.matmul(x.astype(np.float64), y.astype(np.float64))
        a, b = turned(cp, cp.asarray(x), turns & 1), turned(cp, cp.asarray(y), turns & 2)
        out = cp.full(wanted.shape, cp.nan, dtype)
        if min(x.ndim, y.ndim) > 1:
            out = turned(cp, out, turns & 4)
        Products(memory).matmul(a, b, out)
        bound = 2 * x.shape[-1] * eps * np.matmul(abs(x), abs(y))
        assert np.all(abs(out.get() - wanted) <= bound)


def heads(cp, x):
    """The same numbers (N, h, L, d), in memory as (N, L, h, d): a batch with two strides."""
    return cp.ascontiguousarray(x.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)


def every_second_sample(cp, x):
    return x.repeat(2, axis=0)[::2]


def from_the_last(cp, x):
    return cp.ascontiguousarray(x[:, ::-1])[:, ::-1]


STACKS = {  # layouts of a, b and out
    "heads times keys": (heads, lambda cp, x: heads(cp, x.mT).mT, lambda cp, x: x),
    "weights times heads": (lambda cp, x: x, heads, heads),
    "turned weights times heads": (lambda cp, x: cp.ascontiguousarray(x.mT).mT, heads, heads),
    "columns": (heads, heads, lambda cp, x: heads(cp, x.mT).mT),
    "gaps and backwards": (every_second_sample, from_the_last, every_second_sample),
}


@pytest.mark.parametrize("shapes", [(3, 4, 5, 2, 6), (2, 2, 1, 3, 1), (2, 3, 4, 0, 2)], ids=str)
@pytest.mark.parametrize("name", STACKS)
def test_batches_with_several_strides_are_multiplied_where_they_lie(
    name, shapes, backend, cp, memory
):
    """The first sample's matrices of b stand for all samples where there is one only."""
    N, h, m, k, n = shapes
    rng, layouts = np.random.default_rng(0), STACKS[name]
    for dtype, eps in EPS.items():
        for samples in (N, 1):
            x = rng.standard_normal((N, h, m, k)).astype(dtype)
            y = rng.standard_normal((samples, h, k, n)).astype(dtype)
            a, b = layouts[0](cp, cp.asarray(x)), layouts[1](cp, cp.asarray(y))
            out = layouts[2](cp, cp.full((N, h, m, n), cp.nan, dtype))
            Products(memory).matmul(a, b, out)
            wanted = np.matmul(x.astype(np.float64), y.astype(np.float64))
            assert np.all(abs(out.get() - wanted) <= 2 * k * eps * np.matmul(abs(x), abs(y)))


def test_which_products_need_pointers():
    x = np.ones((6, 10, 4, 4)).transpose(0, 2, 1, 3)  # heads
    y, out = np.ones((6, 4, 4, 10)), np.ones((6, 4, 10, 10))
    assert can_multiply(x, y, out)
    assert not can_multiply(x, y, out, strided=True)
    assert can_multiply(np.ascontiguousarray(x), y, out, strided=True)
    assert gemm(x, y, out).batch_strides is None
    assert gemm(x[:1], y[:1], out[:1]).batch_strides is not None  # one sample: heads alone
    assert gemm(x, y, out).strides_b == (160, 4)  # BLAS' B is x


def test_products_read_and_write_parts_of_arrays(backend, cp, memory):
    x = cp.arange(60.0).reshape(6, 10)
    out = cp.full((4, 7), 9.0)
    Products(memory).matmul(x[1:3, 2:5], x[:3, 1:6], out[1:3, 1:6])
    wanted = np.full((4, 7), 9.0)
    wanted[1:3, 1:6] = x.get()[1:3, 2:5] @ x.get()[:3, 1:6]
    assert np.array_equal(out.get(), wanted)  # small integers: exact


def empty(*shapes, dtype="float32"):
    return [np.empty(shape, dtype) for shape in shapes]


WRONG = {
    "shapes that do not fit": (empty((3, 4), (5, 6), (3, 6)), ShapeError, r"do not fit: \(3, 4\)"),
    "a result of another shape": (empty((3, 4), (4, 6), (6, 3)), ShapeError, r"do not fit"),
    "batches that do not fit": (empty((2, 3, 4), (3, 4, 5), (2, 3, 5)), ShapeError, "broadcast"),
    "a number": (empty((), (4, 6), (6,)), ShapeError, "one is a number"),
    "integers": (empty((2, 2), (2, 2), (2, 2), dtype="int64"), DtypeError, "are int64, int64"),
    "two dtypes": (
        [np.ones((2, 2), "float32"), np.ones((2, 2)), np.ones((2, 2))],
        DtypeError,
        "are float32, float64, float64",
    ),
    "every other column": (
        [np.ones((3, 8))[:, ::2], np.ones((4, 2)), np.ones((3, 2))],
        ArgumentError,
        r"rows or the columns of a must be contiguous, .* strides of \(8, 2\); copy it",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_blas_cannot_multiply_is_an_error(name):
    arrays, error, words = WRONG[name]
    assert not can_multiply(*arrays)
    with pytest.raises(error, match=words):
        gemm(*arrays)


def test_a_matrix_may_not_be_larger_than_blas_can_count():
    wide = SimpleNamespace(
        dtype=np.dtype("float32"), ndim=2, shape=(1, 2**31), strides=(2**33, 4), size=2**31
    )
    with pytest.raises(ShapeError, match="may be 2147483647 at most"):
        gemm(*empty((1, 1)), wide, wide)


def test_a_batch_against_one_matrix_is_one_tall_product():
    assert gemm(*empty((5, 2, 3, 4), (4, 6), (5, 2, 3, 6))).count == 1
    assert gemm(*empty((5, 3, 4), (5, 4, 6), (5, 3, 6))).count == 5


def test_arrays_of_the_host_are_refused(backend, cp, memory):
    x = cp.ones((2, 2))
    with pytest.raises(PlacementError, match="one is ndarray on cpu"):
        Products(memory).matmul(x, np.ones((2, 2)), x)


def test_a_missing_cublas_says_how_to_get_it(backend, cp, monkeypatch):
    from cuda import pathfinder

    def load(name):
        raise pathfinder.DynamicLibNotFoundError(name)

    monkeypatch.setattr(pathfinder, "load_nvidia_dynamic_lib", load)
    with pytest.raises(MissingBackendError, match=r"does not find cuBLAS .* pip install") as caught:
        cublas_path(cp)
    assert caught.value.missing == "toolkit"


def test_errors_of_cublas_name_the_routine_and_the_status():
    _cupy_blas.check("cublasSgemm_v2", 0)
    with pytest.raises(
        BackendError, match=r"cublasSgemm_v2 .* 13 \(CUBLAS_STATUS_EXECUTION_FAILED"
    ):
        _cupy_blas.check("cublasSgemm_v2", 13)


def counted(monkeypatch, name):
    """Let a function of cuBLAS count its calls; return the list of their results."""
    function, statuses = getattr(_cupy_blas.library(), name), []

    def call(*arguments):
        statuses.append(function(*arguments))
        return statuses[-1]

    monkeypatch.setattr(_cupy_blas.library(), name, call)
    return statuses


def test_handles_are_given_back_when_their_thread_ends(backend, cp, memory, monkeypatch):
    x, results = cp.eye(3), []
    products = Products(memory)  # this thread's own handle
    created, destroyed = (
        counted(monkeypatch, f"cublas{what}_v2") for what in ("Create", "Destroy")
    )

    def work():
        for _ in range(2):
            out = cp.empty((3, 3))
            products.matmul(x, x + 1, out)
            results.append(out.get())

    for n in range(1, 4):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        gc.collect()
        assert (created, destroyed) == ([0] * n, [0] * n)
    products.matmul(x, x, x + 0)  # this thread's handle is still there
    assert len(created) == 3
    assert all(np.array_equal(result, np.eye(3) + 1) for result in results)
    assert len(results) == 6


def network(cp, memory):
    """One product and one kernel on fixed buffers, y = 2 x w; returns x, y and the calls."""
    x, w, y = (memory.empty((3, 3), "float64") for _ in range(3))
    w[...] = cp.arange(9.0).reshape(3, 3)
    twice = compile_cuda(
        'extern "C" __global__ void twice(double* x) { x[threadIdx.x] *= 2; }', ["twice"]
    )["twice"]
    return x, y, [Products(memory).prepare(x, w, y), lambda: twice((1,), (9,), (y,))]


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("own_stream", [False, True])
def test_a_replay_reads_what_lies_in_its_buffers(capture, own_stream, backend, cp, memory):
    x, y, calls = network(cp, memory)
    replay = Replay(calls)
    replay.run()
    if capture:
        replay.capture()
    assert replay.captured == capture
    stream = cp.cuda.Stream(non_blocking=True) if own_stream else cp.cuda.Stream.null
    cp.cuda.Stream.null.synchronize()  # what was written there, before another stream reads it
    with stream:
        for k in range(3):
            x[...] = cp.eye(3) * k
            replay.launch()
            z = y + 1  # on the same stream: after the replay, before the next one
            assert np.array_equal(z.get(), 2 * k * np.arange(9.0).reshape(3, 3) + 1)


def test_a_capture_runs_nothing(backend, cp, memory):
    _, y, calls = network(cp, memory)
    y[...] = 7
    replay = Replay(calls)
    replay.capture()
    assert np.all(y.get() == 7)


REFUSED = {
    "CuPy's own product": lambda cp, x: x @ x,
    "a copy to the host": lambda cp, x: x.get(),
    "waiting": lambda cp, x: cp.cuda.get_current_stream().synchronize(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_captured_is_an_error_and_harms_nothing(name, backend, cp):
    x = cp.eye(3)
    replay = Replay([lambda: REFUSED[name](cp, x)])
    with pytest.raises(BackendError, match="cannot be captured"):
        replay.capture()
    assert not replay.captured
    replay.launch()
    assert np.array_equal((x + 1).get(), np.eye(3) + 1)


def test_temporary_arrays_take_the_same_memory_on_every_stream(backend, cp):
    scratch = Scratch()
    for stream in (cp.cuda.Stream.null, scratch.stream, cp.cuda.Stream(), cp.cuda.Stream()):
        with stream:
            three = scratch.call(lambda: (cp.ones(1000) + 1) + cp.ones(1000))
            assert np.all(three.get() == 3)
            del three
        assert scratch.bytes == 3 * 8192  # three arrays at a time, in units of 512 bytes


def test_private_memory_is_counted_and_not_the_pools(backend, cp, memory):
    common = cp.get_default_memory_pool()
    used, total = common.used_bytes(), common.total_bytes()
    x = memory.empty((1000, 3), "float32")
    assert (x.shape, x.dtype, x.flags.c_contiguous) == ((1000, 3), np.float32, True)
    assert memory.bytes == 12_000
    assert (common.used_bytes(), common.total_bytes()) == (used, total)


def test_compiled_sources_are_kept(backend):
    assert compile_cuda(ADD, ["add"])["add"].ptr == compile_cuda(ADD, ["add"])["add"].ptr


def test_kernels_stay_loaded_when_their_source_is_not_kept(backend, cp, monkeypatch):
    monkeypatch.setattr(compiling, "_module", lru_cache(1)(compiling._module.__wrapped__))
    total, two = cp.ones(()), cp.full((), 2.0)
    add = compile_cuda(ADD, ["add"])["add"]
    subtract = compile_cuda(ADD.replace("+=", "-="), ["add"])["add"]
    for kernel in (add, add, subtract):
        kernel((1,), (1,), (total, two))
    assert total.get() == 3
    assert compiling._module.cache_info().currsize == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [("this is not C++", "in the source\nthis is not C"), (ADD, "has no kernel 'subtract'")],
)
def test_sources_that_make_no_kernel_are_errors(source, words, backend):
    with pytest.raises(BackendError, match=words):
        compile_cuda(source, ["subtract"])


FIELDS = {"lr": ((), "float32"), "position": ((), "int64"), "mask": ((3, 5), "bool")}


def test_step_inputs_arrive(backend, cp, memory):
    inputs = StepInputs(FIELDS, memory)
    mask = np.arange(15).reshape(3, 5) % 2 == 0
    lr, position = inputs["lr"], inputs["position"]
    assert inputs.send({"lr": 0.1, "position": 2**40, "mask": mask})
    assert (lr.get(), position.get()) == (np.float32(0.1), 2**40)
    assert np.array_equal(inputs["mask"].get(), mask)
    assert not inputs.send({"lr": 0.1})  # nothing has changed
    assert inputs.send({"lr": 0.2})
    assert (lr.get(), position.get()) == (np.float32(0.2), 2**40)


def test_step_inputs_are_not_overwritten_before_they_are_read(backend, cp, memory):
    """Several times round the ring, without ever waiting: each launch must see its own step's number."""
    inputs, total = StepInputs({"x": ((), "float64")}, memory), cp.zeros(())
    add = compile_cuda(ADD, ["add"])["add"]
    for i in range(300):
        inputs.send({"x": float(i)})
        add((1,), (1,), (total, inputs["x"]))
    assert total.get() == 300 * 299 / 2


def test_large_step_inputs_have_a_short_ring(backend, memory):
    assert len(StepInputs({"x": ((2**18,), "float64")}, memory)._slots) == 4


def test_step_inputs_refuse_what_they_do_not_hold(backend, memory):
    inputs = StepInputs(FIELDS, memory)
    with pytest.raises(ArgumentError, match="no field 'rate'; there are lr, position, mask"):
        inputs.send({"rate": 0.1})
    with pytest.raises(DtypeError, match="mask must be bool, is float64; convert it"):
        inputs.send({"mask": np.ones((3, 5))})
    with pytest.raises(
        ArgumentError, match="lr must hold real numbers or truth values, is complex"
    ):
        StepInputs({"lr": ((), "complex64")}, memory)


BATCHES = [  # shapes of X and y, dtype of y, size of the batch
    ((10, 7), (10,), "int64", 4),
    ((10, 7), (10, 1), "float32", 1),
    ((10,), (10, 3), "bool", 3),
    ((5000, 3, 3), (5000,), "int16", 4999),
    ((3000, 101), (3000, 2), "float64", 2999),  # more numbers than threads
]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch", BATCHES)
def test_batches_are_gathered_into_their_buffers(batch, shuffle, backend, cp, memory):
    x_shape, y_shape, y_dtype, size = batch
    rng = np.random.default_rng(0)
    X = rng.standard_normal(x_shape, np.float32)
    y = rng.integers(0, 100, y_shape).astype(y_dtype)
    order = rng.permutation(len(X)) if shuffle else np.arange(len(X))
    inputs = StepInputs({"position": ((), "int64")}, memory)
    outs = [memory.empty((size, *a.shape[1:]), str(a.dtype)) for a in (X, y)]
    rows = cp.asarray(order) if shuffle else None
    call = gather([cp.asarray(X), cp.asarray(y)], rows, inputs["position"], outs)
    for position in (1, 0):
        inputs.send({"position": position})
        call()
        chosen = order[position : position + size]
        assert np.array_equal(outs[0].get(), X[chosen])
        assert np.array_equal(outs[1].get(), y[chosen])


def test_batches_must_be_like_their_source(backend, cp):
    X, position = cp.ones((5, 3)), cp.zeros((), "int64")
    for out in (cp.ones((2, 4)), cp.ones((2, 3), "float32"), cp.ones((0, 3))):
        with pytest.raises(ShapeError, match=r"must be a batch of float64 \(5, 3\), is"):
            gather([X], None, position, [out])


def test_batches_are_gathered_from_and_into_any_order_of_axes(backend, cp, memory):
    X = np.arange(120.0).reshape(5, 2, 3, 4)
    order, inputs = np.array([3, 0, 4, 1, 2]), StepInputs({"position": ((), "int64")}, memory)
    inputs.send({"position": 1})
    for lay in (cp.asfortranarray, backwards, every_second):
        source, out = lay(cp.asarray(X)), cp.zeros((4, 3, 2, 3)).transpose(3, 2, 1, 0)
        gather([source], cp.asarray(order), inputs["position"], [out])()
        assert np.array_equal(out.get(), X[order[1:4]])


def backwards(x):
    """The same numbers, the last first in memory."""
    return x[::-1].copy()[::-1]


def every_second(x):
    """The same numbers, in every second place."""
    wide = x.repeat(2, axis=3)
    return wide[..., ::2]
