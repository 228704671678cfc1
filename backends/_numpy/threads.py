"""A batch in parts, one for each thread that NumPy's BLAS may use."""

import os
from collections.abc import Callable
from functools import cache, partial
from queue import SimpleQueue
from threading import get_ident
from time import sleep
from typing import TypeVar

from portanet.backends._numpy.blas import Blas, numpy_blas
from portanet.backends._numpy.workers import Workers, result_of

Made = TypeVar("Made")

_ALONE: dict[str, int] = {}  # "thread": which is alone; "n": how many threads BLAS had before
_PAUSE = 5e-5  # seconds between two looks whether it is one's turn


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
    me = get_ident()
    if _ALONE.get("thread") == me:
        return work(_ALONE.get("n", 1))
    try:  # twice, as an interrupt may keep the first from leaving
        try:
            while _ALONE.setdefault("thread", me) != me:
                if not wait:
                    return work(1)
                sleep(_PAUSE)
            _ALONE["n"] = blas.threads()
            blas.set_threads(1)
            return work(_ALONE["n"])
        finally:
            _leave(blas, me)
    finally:
        _leave(blas, me)


def _leave(blas: Blas, me: int) -> None:
    """Give BLAS its threads again, and another thread its turn; nothing if that is done."""
    if _ALONE.get("thread") == me:
        if "n" in _ALONE and blas.set_threads is not None:
            blas.set_threads(_ALONE["n"])
            _ALONE.pop("n")
        _ALONE.pop("thread")


def _forget() -> None:
    """In a process that was forked: another thread that was alone is not there."""
    if _ALONE.get("thread") != get_ident():
        _ALONE.clear()


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
