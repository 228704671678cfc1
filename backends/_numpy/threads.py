"""A batch in parts, one for each thread that NumPy's BLAS may use."""

import os
from collections.abc import Callable
from functools import cache, partial
from queue import SimpleQueue
from threading import Lock

from portanet.backends._numpy.blas import numpy_blas
from portanet.backends._numpy.workers import Workers, result_of

_ALONE = Lock()


def in_parts(n: int, work: Callable[[slice], object], most: int = 2**31) -> None:
    """Call work(part) for parts of range(n), side by side where work releases the GIL.

    There are as many parts as BLAS has threads (OPENBLAS_NUM_THREADS, threadpoolctl), `most` at
    most: another thread takes some 30 µs to begin. Meanwhile BLAS itself uses one: two threads on a
    small product are slower than one on each of two. Where several threads call at once, the first
    has the others' cores.
    """
    blas = numpy_blas()
    if blas is None or blas.threads is None or blas.set_threads is None:
        return _side_by_side(n, work, 1)
    if not _ALONE.acquire(blocking=False):
        return _side_by_side(n, work, 1)
    try:
        threads = blas.threads()
        blas.set_threads(1)
        try:
            return _side_by_side(n, work, min(threads, n, most))
        finally:
            blas.set_threads(threads)
    finally:
        _ALONE.release()


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
