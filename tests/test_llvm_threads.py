"""Large kernels, shared with threads: every element once, and the same bits for any number of them."""

import ctypes
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from portanet import Adam, BCEWithLogits, Linear, Sequential, Tanh, compile_step
from portanet.backends._llvm import machine, run
from portanet.backends._llvm.helpers import Helpers, helpers, text
from portanet.backends._numpy import blas
from portanet.backends._numpy.threads import blas_alone
from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.engines.llvm.products import product_kernel
from portanet.compiler.graph.graph import Node, value_like
from portanet.compiler.verification.step_check import StepCheck

pytestmark = [
    pytest.mark.skipif(not machine.available(), reason="llvmlite is not installed"),
    pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="no helpers there"),
]
ADD_ONE = """\
def kernel(x: f8[:]):
    for k0 in parallel(first, last):
        x[k0] = x[k0] + 1
"""


def steps_of(x, n_chunks):
    """What run() is given to call ADD_ONE on an array, in chunks."""
    table = np.asarray([machine.address_of(x)], np.int64)
    size = -(-x.size // n_chunks)
    step = [
        machine.kernel(ADD_ONE), machine.address_of(table), x.size, -(-x.size // size), size,
    ]  # fmt: skip
    return np.asarray(step, np.int64), table


def call(steps, job, n=1):
    function = machine.function_of(machine.kernel(text(), "run"))
    table = np.asarray([n, machine.address_of(steps), machine.address_of(job)], np.int64)
    function(machine.address_of(table))


@pytest.fixture
def three():
    """Helpers where three threads may work."""
    made = Helpers()
    made.allow(3)
    yield made
    made.stop()


def test_a_step_does_all_chunks_alone_where_nobody_helps():
    x, job = np.zeros(1000), np.zeros(run.N_NUMBERS, np.int64)
    steps, table = steps_of(x, 7)
    for i in range(5):
        call(steps, job)
        assert (x == i + 1).all()
    assert table.size == 1


def test_with_helpers_every_element_is_done_once(three):
    x = np.zeros(40_000)
    steps, table = steps_of(x, 40)
    for i in range(400):
        call(steps, three.job)
        assert (x == i + 1).all()
    assert table.size == 1


def test_helpers_take_their_share(three):
    """A chunk that waits for another one can only be passed where two threads are at work."""
    waiting = "def kernel(x: i8[:]):\n    fetch_add(x, 1)\n    while fetch(x) < 2:\n        pass\n"
    x = np.zeros(1, np.int64)
    table = np.asarray([machine.address_of(x)], np.int64)
    step = [machine.kernel(waiting), machine.address_of(table), 2, 2, 1]
    for _ in range(3):  # and again, when they have slept
        x[0] = 0
        call(np.asarray(step, np.int64), three.job)
        assert x[0] == 2
        time.sleep(0.01)


def test_two_steps_at_once_do_not_share_one_job(three):
    """The second does its kernels alone."""
    arrays = [np.zeros(20_000) for _ in range(4)]
    given = [steps_of(x, 20) for x in arrays]

    def work(i):
        for _ in range(200):
            call(given[i][0], three.job)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((x == 200).all() for x in arrays)


def test_nobody_helps_who_is_not_allowed_to(three):
    x = np.zeros(1000)
    steps, table = steps_of(x, 10)
    three.job[run.ALLOWED] = 0
    posted = np.array(three._semaphores)
    call(steps, three.job)
    assert (x == 1).all()
    np.testing.assert_array_equal(three._semaphores, posted)
    assert table.size == 1


def test_helpers_sleep_after_a_while_and_no_call_waits_for_them(three):
    """Each is woken as often as it went to sleep: else it would look for work long after the last."""
    value, count = ctypes.c_int(), ctypes.CDLL(None).sem_getvalue
    x = np.zeros(40_000)
    steps, table = steps_of(x, 40)
    for _ in range(3):
        for _ in range(500):
            call(steps, three.job)
        asleep = three.job[run.ASLEEP :: 8][:2]
        deadline = time.monotonic() + 30
        while not asleep.all() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert asleep.all()
        for i in range(2):
            assert count(three._place(i), ctypes.byref(value)) == 0
            assert value.value == 0
    assert (x == 1500).all()
    assert table.size == 1


def test_helpers_go_home_when_told(three):
    three.stop()
    assert not any(thread.is_alive() for thread in three._threads)
    assert len(three._threads) == 2


def test_where_one_thread_may_work_nobody_helps():
    alone = Helpers()
    alone.allow(1)
    assert alone.job[run.ALLOWED] == 0
    assert alone._threads == []


@pytest.mark.parametrize(
    ("length", "size", "chunks"),
    [
        (64, 1280, (1, 64)),  # small: in one piece
        (0, 10**7, (1, 0)),  # no outer loop
        (10**6, 10**6, (7, 142_864)),
        (2048, 2048 * 256, (4, 512)),
        (3, 10**6, (3, 1)),
        (10**9, 10**9, (64, 15_625_008)),
    ],
)
def test_chunks_depend_on_sizes_alone(length, size, chunks):
    kernel = Kernel("", np.zeros(0), length=length, size=size)
    n, each = kernel.chunks
    assert (n, each) == chunks
    assert n * each >= length
    assert (n - 1) * each < max(length, 1)


def trained(n_most, monkeypatch):
    monkeypatch.setattr("portanet.compiler.engines.llvm.kernels._A_CHUNK", 100)
    monkeypatch.setattr("portanet.compiler.engines.llvm.kernels._MOST_CHUNKS", n_most)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((64, 30)).astype("f"), (rng.random((64, 1)) > 0.5).astype("f")
    import portanet

    portanet.seed(0)
    model = Sequential([Linear(30, 40), Tanh(), Linear(40, 1)], BCEWithLogits())
    step = compile_step(model, Adam(model, lr=0.01), fast=True)
    for _ in range(20):
        step(x, y)
    assert step.refused is None
    (planned,) = step.plans.values()
    shared = max(kernel.chunks[0] for kernel in planned.plan.kernels)
    assert shared > 1 if n_most > 1 else shared == 1
    return [p.value for p in model.parameters()]


def test_a_step_in_chunks_gives_the_same_bits(monkeypatch):
    whole = trained(1, monkeypatch)
    for n_most in (2, 5, 64):
        for mine, other in zip(trained(n_most, monkeypatch), whole, strict=True):
            np.testing.assert_array_equal(mine, other)


def test_a_process_that_was_forked_has_helpers_of_its_own():
    code = (
        "import os, sys\n"
        "from portanet.backends._llvm.helpers import helpers\n"
        "first = helpers()\n"
        "first.allow(1)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    sys.exit(helpers() is first)\n"
        "sys.exit(os.waitpid(child, 0)[1] != 0)\n"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert helpers() is helpers()


def test_threads_go_home_when_python_ends():
    code = (
        "from portanet.backends._llvm import helpers\n"
        "helpers.helpers().allow(3)\n"
        "print(len(helpers.helpers()._threads))\n"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


# products

SHAPES = [
    (40, 7, 9), (7, 40, 9), (48, 48, 5), (1, 33, 4), (33, 1, 4), (2, 3, 2), (100, 20, 1),
    (5, 4, 3, 2), (2, 20, 30, 6), (1, 40, 2, 3), (3, 2, 8, 9, 4),
]  # fmt: skip


def product(a, b, out, n_threads):
    """Multiply by a kernel, its chunks one by one; return in how many."""
    values = {id(array): value_like("state", array) for array in (a, b, out)}
    addresses = {id(values[id(array)]): machine.address_of(array) for array in (a, b, out)}
    node = Node("matmul", np.matmul, (values[id(a)], values[id(b)]), {}, [values[id(out)]])
    arguments = Arguments(lambda value: addresses[id(value)], lambda scalar, dtype: 0)
    kernel = product_kernel(node, arguments, blas.numpy_blas(), n_threads)
    n, size = kernel.chunks
    function = machine.function_of(machine.kernel(kernel.text), bounds=True)
    for i in range(n):
        function(machine.address_of(kernel.table), i * size, min((i + 1) * size, kernel.length))
    return n


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("orders", ["CC", "CF", "FC", "FF"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_in_parts(shape, orders, dtype, monkeypatch):
    """Of integers, so that a product in parts has the very numbers of a whole one."""
    monkeypatch.setattr("portanet.compiler.engines.llvm.products._A_THREADS", 1)
    *batch, m, n, k = shape
    rng = np.random.default_rng(0)
    a, b = (
        rng.integers(-9, 9, (*batch, *s)).astype(dtype).swapaxes(-1, -2).copy().swapaxes(-1, -2)
        if order == "F"
        else rng.integers(-9, 9, (*batch, *s)).astype(dtype)
        for s, order in zip(((m, k), (k, n)), orders, strict=True)
    )
    for n_threads in (1, 2, 3, 7):
        out = np.full((*batch, m, n), np.nan, dtype)
        n_chunks = product(a, b, out, n_threads)
        np.testing.assert_array_equal(out, a @ b)
        assert 1 <= n_chunks <= n_threads
        longest = batch[0] if batch else max(m, n) // 16
        assert n_chunks > 1 or n_threads == 1 or longest < 2


def test_small_products_stay_whole():
    a, b, out = (np.ones((64, 64), "f") for _ in range(3))
    assert product(a, b, out, 8) == 1


def test_a_step_waits_until_nobody_else_has_set_blas_threads(monkeypatch):
    """Products in parts have other bits than whole ones: their BLAS must use one thread throughout."""
    monkeypatch.setattr("portanet.compiler.engines.llvm.kernels._A_CHUNK", 100)
    model = Sequential([Linear(30, 40), Tanh()], BCEWithLogits())
    step, x, y = (
        compile_step(model, Adam(model, lr=0.01), fast=True),
        np.ones((64, 30), "f"),
        np.ones((64, 40), "f"),
    )
    for _ in range(6):
        step(x, y)
    (planned,) = step.plans.values()
    assert planned.plan.shares
    other = threading.Thread(target=step, args=(x, y))

    def work(n_threads):
        other.start()
        other.join(0.3)  # a step takes a thousandth of that
        return other.is_alive()

    assert blas_alone(work)
    other.join()


def test_beside_a_plan_with_helpers_blas_uses_one_thread(monkeypatch):
    """Those of OpenBLAS would keep the helpers' cores busy for a tenth of a second."""
    numbers = [3]
    fake = replace(blas.numpy_blas(), threads=lambda: numbers[-1], set_threads=numbers.append)
    monkeypatch.setattr("portanet.backends._numpy.threads.numpy_blas", lambda: fake)
    seen, run_check = [], StepCheck.run

    def looks(self, x, y):
        seen.append(numbers[-1])
        return run_check(self, x, y)

    monkeypatch.setattr(StepCheck, "run", looks)
    for a_chunk, expected in ((100, 1), (2**17, 3)):  # the second has nothing to share
        monkeypatch.setattr("portanet.compiler.engines.llvm.kernels._A_CHUNK", a_chunk)
        model = Sequential([Linear(30, 40), Tanh()], BCEWithLogits())
        step = compile_step(model, Adam(model, lr=0.01), fast=True)
        for _ in range(4):
            step(np.ones((64, 30), "f"), np.ones((64, 40), "f"))
        assert step.refused is None
        assert set(seen) == {expected}
        assert numbers[-1] == 3
        seen.clear()
