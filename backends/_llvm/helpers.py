"""Helpers: threads that take their share of large kernels (run.py), as many as BLAS may use.

They look out for work for a while, then sleep at semaphores that a step posts, and never hold the
interpreter's lock meanwhile. A step waits for no thread to come. Only where the C library has
semaphores in memory: not on macOS and Windows, where a step does all of its work itself.
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

_MOST = 255


class Helpers:
    """The threads of this process, and the job that they share."""

    def __init__(self) -> None:
        self.job = np.zeros(run.N_NUMBERS, np.int64)
        self._semaphores = np.zeros(_MOST * run.APART, np.uint8)
        self._threads: list[Thread] = []
        self._process = os.getpid()  # a fork has the lists, and no threads
        self._wait, self._give_way = 0, 0
        self.job[run.SEMAPHORES] = machine.address_of(self._semaphores)
        init, self._post, wait = _semaphore_functions()
        if init is not None and all(init(self._place(i), 0, 0) == 0 for i in range(_MOST)):
            self.job[run.POST], self._wait = _address(self._post), _address(wait)
            self._give_way = _address(ctypes.CDLL(None).sched_yield)
        atexit.register(self.stop)

    def _place(self, i: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(int(self.job[run.SEMAPHORES]) + run.APART * i)

    def allow(self, n_threads: int) -> None:
        """Let as many threads work as are free, the one that calls among them."""
        n = min(n_threads - 1, _MOST) if self._wait else 0
        while len(self._threads) < n:
            self._start()
        self.job[run.ALLOWED] = n

    def stop(self) -> None:
        """Send all threads home: their code and the job are gone when Python has ended."""
        self.job[run.ALLOWED] = -1
        if self._process != os.getpid():
            return
        for i in range(len(self._threads)):
            self._post(self._place(i))
        while any(thread.is_alive() for thread in self._threads):
            sleep(1e-4)

    def _start(self) -> None:
        i = len(self._threads)
        thread = Thread(target=self._help, args=(i,), name=f"portanet-{i}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _help(self, i: int) -> None:
        table = [machine.address_of(self.job), i, self._wait, self._give_way]
        table = np.asarray(table, np.int64)
        machine.function_of(machine.kernel(text(), "lend_a_hand"))(machine.address_of(table))


def _semaphore_functions() -> tuple[Any, Any, Any]:
    """Return sem_init, sem_post and sem_wait of the C library; None three times without them."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    found = [getattr(library, f"sem_{name}", None) for name in ("init", "post", "wait")]
    return (None, None, None) if None in found else (found[0], found[1], found[2])


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
