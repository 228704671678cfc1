"""Helpers: threads that take their share of large kernels (run.py), as many as BLAS may use.

They sleep at semaphores that a step posts, and never hold the interpreter's lock meanwhile. A step
waits for no thread to come. Only where the C library has semaphores in memory: not on macOS and
Windows, where a step does all of its work itself.
"""

import atexit
import ctypes
import os
from functools import cache
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import numpy as np

from portanet.backends._llvm import machine, run
from portanet.backends._numpy.blas import numpy_blas

_MOST = 255


class Helpers:
    """The threads of this process, and the job that they share."""

    def __init__(self) -> None:
        self.job = np.zeros(run.N_NUMBERS, np.int64)
        self._semaphores = np.zeros(_MOST * run.APART, np.uint8)
        self._threads: list[Thread] = []
        self._process = os.getpid()  # a fork has the lists, and no threads
        self._wait = 0
        post, wait = _semaphore_functions()
        if self._make_semaphores(post, wait):
            self.job[run.POST], self._wait = _address(post), _address(wait)
            self.job[run.SEMAPHORES] = machine.address_of(self._semaphores)
            self._post = post
        atexit.register(self.stop)

    def _make_semaphores(self, post: Any, wait: Any) -> bool:
        if post is None or wait is None:
            return False
        first, init = machine.address_of(self._semaphores), ctypes.CDLL(None).sem_init
        places = (ctypes.c_void_p(first + run.APART * i) for i in range(_MOST))
        return all(init(place, 0, 0) == 0 for place in places)

    def allow(self) -> None:
        """Let as many threads help as BLAS uses now, beside the one that calls."""
        blas = numpy_blas()
        known = blas is not None and blas.threads is not None and self._wait
        n = min(blas.threads() - 1, _MOST) if known else 0  # pyright: ignore[reportOptionalCall]
        while len(self._threads) < n:
            self._start()
        self.job[run.ALLOWED] = n

    def stop(self) -> None:
        """Send all threads home: their code and the job are gone when Python has ended."""
        self.job[run.ALLOWED] = -1
        if self._process != os.getpid():
            return
        for i in range(len(self._threads)):
            self._post(ctypes.c_void_p(int(self.job[run.SEMAPHORES]) + run.APART * i))
        while any(thread.is_alive() for thread in self._threads):
            sleep(1e-4)

    def _start(self) -> None:
        i = len(self._threads)
        thread = Thread(target=self._help, args=(i,), name=f"portanet-{i}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _help(self, i: int) -> None:
        table = np.asarray([machine.address_of(self.job), i, self._wait], np.int64)
        machine.function_of(machine.kernel(text(), "lend_a_hand"))(machine.address_of(table))


def _semaphore_functions() -> tuple[Any, Any]:
    """Return sem_post and sem_wait of the C library, None for what it lacks."""
    if os.name != "posix":
        return None, None
    library = ctypes.CDLL(None)
    return getattr(library, "sem_post", None), getattr(library, "sem_wait", None)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def helpers() -> Helpers:
    """Return the helpers of this process: one that was forked has none of its parent's."""
    return _helpers(os.getpid())


@cache
def _helpers(process: int) -> Helpers:  # noqa: ARG001 - one for each
    return Helpers()


@cache
def text() -> str:
    """Return the text of run.py."""
    return Path(run.__file__).read_text(encoding="utf-8")
