"""A batch in parts: all of it, once, and BLAS has its threads again."""

import os
import subprocess
import sys
from threading import Event, Thread, get_ident

import pytest

from portanet.backends._numpy import blas as _blas
from portanet.backends._numpy import threads as _threads


@pytest.fixture
def blas(monkeypatch):
    """A BLAS that counts its threads."""
    numbers = [3]
    fake = _blas.Blas("fake", {}, 64, lambda: numbers[-1], numbers.append)
    monkeypatch.setattr(_threads, "numpy_blas", lambda: fake)
    return numbers


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 64])
def test_all_is_done_once(n, blas):
    parts = []
    _threads.in_parts(n, parts.append)
    assert sorted(i for part in parts for i in range(n)[part]) == list(range(n))
    assert len(parts) == max(1, min(n, 3))
    assert blas == [3, 1, 3]


def test_few_parts_where_more_do_not_pay(blas):
    for most, expected in ((0, 1), (1, 1), (2, 2)):
        parts = []
        _threads.in_parts(7, parts.append, most)
        assert len(parts) == expected


def test_parts_run_in_threads_of_their_own(blas):
    names = []
    _threads.in_parts(3, lambda part: names.append(get_ident()))
    assert get_ident() in names
    assert len(set(names)) > 1


def test_an_error_is_raised_and_blas_has_its_threads_again(blas):
    def fails(part):
        raise ValueError(f"part {part.start}")

    with pytest.raises(ValueError, match="part 0"):
        _threads.in_parts(3, fails)
    assert blas == [3, 1, 3]


def test_who_comes_second_works_alone(blas):
    inside = []

    def work(part):
        if part.start == 0:
            other = Thread(target=_threads.in_parts, args=(4, inside.append))
            other.start()
            other.join()

    _threads.in_parts(3, work)
    assert inside == [slice(0, 4)]
    assert blas == [3, 1, 3]


def test_within_the_work_of_who_is_alone_threads_are_free(blas):
    """A plan with helpers has lines that cut a batch into parts, too."""
    parts, before = [], []

    def work(n_threads):
        before.append(list(blas))
        _threads.in_parts(6, parts.append)
        return n_threads

    assert _threads.blas_alone(work) == 3
    assert before == [[3, 1]]
    assert len(parts) == 3
    assert blas == [3, 1, 3]


def test_who_waits_has_its_turn_with_all_threads(blas):
    found, started = [], Event()

    def second():
        started.set()
        found.append(_threads.blas_alone(lambda n: (n, list(blas)), wait=True))

    def first(n_threads):
        other.start()
        started.wait()
        return n_threads

    other = Thread(target=second)
    assert _threads.blas_alone(first) == 3
    other.join()
    assert found == [(3, [3, 1, 3, 1])]
    assert blas == [3, 1, 3, 1, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_fork_does_not_wait_for_who_is_not_there():
    code = (
        "import os, sys, threading\n"
        "from portanet.backends._numpy.threads import blas_alone\n"
        "inside, done = threading.Event(), threading.Event()\n"
        "work = lambda n: (inside.set(), done.wait())\n"
        "thread = threading.Thread(target=blas_alone, args=(work,))\n"
        "thread.start()\n"
        "inside.wait()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(blas_alone(lambda n: 7, wait=True) != 7)\n"
        "failed = os.waitpid(child, 0)[1] != 0\n"
        "done.set()\n"
        "sys.exit(failed)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("missing", ["threads", "set_threads", "all"])
def test_a_blas_that_cannot_say_its_threads_is_left_alone(missing, monkeypatch):
    known = {"threads": lambda: 2, "set_threads": lambda n: None} | {missing: None}
    fake = (
        None
        if missing == "all"
        else _blas.Blas("fake", {}, 64, known["threads"], known["set_threads"])
    )
    monkeypatch.setattr(_threads, "numpy_blas", lambda: fake)
    parts = []
    _threads.in_parts(5, parts.append)
    assert parts == [slice(0, 5)]
