"""Large kernels, shared with threads: every element once, and the same bits for any number of them."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from portanet import Adam, BCEWithLogits, Linear, Sequential, Tanh, compile_step
from portanet.backends._llvm import machine, run
from portanet.backends._llvm.helpers import Helpers, helpers, text
from portanet.backends._numpy import blas
from portanet.compiler.engines.llvm.kernels import Kernel

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
def three(monkeypatch):
    """Helpers as with a BLAS of three threads."""
    found = blas.numpy_blas()
    three = blas.Blas(found.name, found.gemm, found.integer, lambda: 3, found.set_threads)
    monkeypatch.setattr("portanet.backends._llvm.helpers.numpy_blas", lambda: three)
    made = Helpers()
    made.allow()
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


def test_helpers_go_home_when_told(three):
    three.stop()
    assert not any(thread.is_alive() for thread in three._threads)
    assert len(three._threads) == 2


def test_as_many_help_as_blas_may_use(monkeypatch):
    found = blas.numpy_blas()
    one = blas.Blas(found.name, found.gemm, found.integer, lambda: 1, found.set_threads)
    monkeypatch.setattr("portanet.backends._llvm.helpers.numpy_blas", lambda: one)
    alone = Helpers()
    alone.allow()
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
        "first.allow()\n"
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
        "import dataclasses\n"
        "three = dataclasses.replace(helpers.numpy_blas(), threads=lambda: 3)\n"
        "helpers.numpy_blas = lambda: three\n"
        "helpers.helpers().allow()\n"
        "print(len(helpers.helpers()._threads))\n"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")
