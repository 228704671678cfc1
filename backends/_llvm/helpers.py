"""Helpers: threads that take their share of large kernels (run.py), as many as BLAS may use.

They look for work every some ten microseconds, and sleep in Python once there was none for a while;
they never hold the interpreter's lock meanwhile. A step never waits for one to come.
"""

import atexit
import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from threading import Event, Thread
from time import sleep

import numpy as np

from portanet.backends._llvm import machine, run
from portanet.backends._numpy.blas import numpy_blas

_PAUSE, _PATIENCE = 30, 4000  # microseconds between two looks, and looks


class Helpers:
    """The threads of this process, and the job that they share."""

    def __init__(self) -> None:
        self.job = np.zeros(run.N_NUMBERS, np.int64)
        self._events: list[Event] = []
        self._awake: list[bool] = []
        self._process = os.getpid()  # a fork has the lists, and no threads
        atexit.register(self.stop)
        self._usleep = None if sys.platform == "win32" else ctypes.CDLL(None).usleep

    def wake(self) -> None:
        """Let as many threads help as BLAS uses now, beside the one that calls."""
        blas = numpy_blas()
        known = blas is not None and blas.threads is not None and self._usleep is not None
        n = blas.threads() - 1 if known else 0  # pyright: ignore[reportOptionalMemberAccess]
        self.job[run.ALLOWED] = n
        while len(self._events) < n:
            self._start()
        for i in range(n):
            if not self._awake[i]:
                self._events[i].set()

    def stop(self) -> None:
        """Send all threads home: their code and the job are gone when Python has ended."""
        self.job[run.ALLOWED] = -1
        while self._process == os.getpid() and any(self._awake):
            sleep(1e-4)

    def _start(self) -> None:
        self._events.append(Event())
        self._awake.append(False)
        i = len(self._events) - 1
        Thread(target=self._help, args=(i,), name=f"portanet-{i}", daemon=True).start()

    def _help(self, i: int) -> None:
        address = ctypes.cast(self._usleep, ctypes.c_void_p).value or 0
        given = [machine.address_of(self.job), i + 1, _PATIENCE, address, _PAUSE]
        table = np.asarray(given, np.int64)
        function = machine.function_of(machine.kernel(text(), "lend_a_hand"))
        while True:
            self._events[i].wait()
            self._awake[i] = True
            self._events[i].clear()
            if self.job[run.ALLOWED] >= 0:
                function(machine.address_of(table))
            self._awake[i] = False


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
