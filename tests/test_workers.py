"""Workers: threads that give results and errors, and that Ctrl-C cannot leave stuck."""

import signal
import sys
import threading
import time
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue

import numpy as np
import pytest

from portanet import DataLoader, Dataset
from portanet.backends._numpy import threads
from portanet.backends._numpy.workers import Workers, result_of


def test_calls_are_made_beside_each_other():
    workers, answers, meeting = Workers(3), SimpleQueue(), threading.Barrier(3, timeout=60)
    for _ in range(3):
        workers.start(meeting.wait, answers)
    assert sorted(result_of(answers.get()) for _ in range(3)) == [0, 1, 2]


def test_an_error_is_raised_where_the_answer_is_taken():
    workers, answers = Workers(1), SimpleQueue()
    workers.start(partial(int, "none"), answers)
    workers.start(partial(int, "7"), answers)
    with pytest.raises(ValueError, match="none"):
        result_of(answers.get())
    assert result_of(answers.get()) == 7


def test_threads_end_with_their_workers():
    ended, answers, meeting = SimpleQueue(), SimpleQueue(), threading.Barrier(2, timeout=60)
    workers = Workers(2)
    local = threading.local()

    def look():
        local.here = Ends(ended)
        meeting.wait()  # each thread makes one of the two calls

    for _ in range(2):
        workers.start(look, answers)
    for _ in range(2):
        result_of(answers.get())
    assert ended.empty()
    del workers
    assert [ended.get(timeout=60) for _ in range(2)] == [True, True]


class Ends:
    """Says so when the thread that had it has ended."""

    def __init__(self, queue):
        self.queue = queue

    def __del__(self):
        self.queue.put(True)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
def test_every_part_is_done_once(n_threads):
    done = np.zeros(10, int)

    def work(part):
        done[part] += 1

    threads._side_by_side(10, work, n_threads)
    assert (done == 1).all()


def test_an_error_in_a_part_is_raised():
    def work(part):
        if part.start > 0:
            raise ValueError("in a part")

    with pytest.raises(ValueError, match="in a part"):
        threads._side_by_side(10, work, 2)


def count(batches):
    return sum(1 for _ in batches)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers there")
def test_interrupts_leave_nothing_stuck(tmp_path, monkeypatch):
    """With an executor one of some hundred left its lock taken, and the next loop waited for ever."""
    np.save(tmp_path / "x.npy", np.ones((40, 3), np.float32))
    X = np.load(tmp_path / "x.npy", mmap_mode="r")
    from portanet import MSE, Linear, Sequential
    from portanet.data import Batches

    model = Sequential([Linear(3, 1)], MSE())
    batches = Batches(DataLoader(Dataset(X, np.ones((40, 1), np.float32)), 2), model)
    # what a finalizer or a callback of the garbage collector raises Python itself drops; JAX has one
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: dropped.append(what.exc_type))
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for i in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 20e-6 + i * 3e-6)
                copy_context().run(count, batches)  # as a Trainer does
                signal.setitimer(signal.ITIMER_REAL, 0)
                time.sleep(0)
            except KeyboardInterrupt:
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sum(len(x) for x, _ in batches) == 40
    assert set(dropped) <= {KeyboardInterrupt}
