"""A batch in parts, one for each thread that NumPy's BLAS may use."""

import os
from collections.abc import Callable
from functools import cache, partial
from queue import SimpleQueue
from threading import Lock, get_ident
from typing import TypeVar

from portanet.backends._numpy.blas import Blas, numpy_blas
from portanet.backends._numpy.workers import Workers, result_of

Made = TypeVar("Made")

_ALONE = Lock()
_inside = (0, 1)  # which thread has it, and how many threads were free then


def in_parts(n: int, work: Callable[[slice], object], most: int = 2**31) -> None:
    """Call work(part) for parts of range(n), side by side where work releases the GIL.

    There are as many parts as BLAS has threads, `most` at most: another thread takes some 30 µs to
    begin.
    """
    blas_alone(lambda n_threads: _side_by_side(n, work, min(n_threads, n, most)))


def blas_alone(work: Callable[[int], Made], *, wait: bool = False) -> Made:
    """Return work(n), n being how many threads BLAS may use (OPENBLAS_NUM_THREADS, threadpoolctl).

    Meanwhile BLAS itself uses one: two threads on a small product are slower than one on each of
    two, and those of OpenBLAS keep their cores busy for a tenth of a second after each product.
    Where several threads call at once, the first has the others' cores, also for calls within its
    work; another one has only its own, or waits for its turn.
    """
    blas = numpy_blas()
    if blas is None or blas.threads is None or blas.set_threads is None:
        return work(1)
    if _ALONE.locked():
        who, n_threads = _inside
        if who == get_ident():
            return work(n_threads)
        if not wait:
            return work(1)
    with _ALONE:  # a statement, which an interrupt cannot leave locked
        return _while_blas_has_one(blas, work)


def _while_blas_has_one(blas: Blas, work: Callable[[int], Made]) -> Made:
    global _inside
    assert blas.threads is not None  # the caller has looked
    assert blas.set_threads is not None
    n_threads = blas.threads()
    _inside = (get_ident(), n_threads)
    try:
        blas.set_threads(1)
        return work(n_threads)
    finally:
        blas.set_threads(n_threads)
        _inside = (0, 1)


def _forget() -> None:
    """In a process that was forked: whoever was alone is not here."""
    global _ALONE
    _ALONE = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _side_by_side(n: int, work: Callable[[slice], object], threads: int) -> None:
    step = -(-n // max(1, threads)) or 1
    first, *others = [slice(start, min(start + step, n)) for start in range(0, max(1, n), step)]
    if not others:
        work(first)
        return
    workers, answers = _workers(threads - 1, os.getpid()), SimpleQueue()
    n_started, found = 0, []
    try:
        for part in others:
            workers.start(partial(work, part), answers)
            n_started += 1
        work(first)
    finally:  # an interrupt waits for them: they write into the caller's arrays
        found += [answers.get() for _ in range(n_started)]
    for answer in found:
        result_of(answer)


@cache
def _workers(threads: int, process: int) -> Workers:  # noqa: ARG001 - a fork has no threads
    return Workers(threads)
