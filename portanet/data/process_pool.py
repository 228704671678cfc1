"""ProcessPool: processes that read and transform batches.

They are for code that holds the interpreter's lock, where threads would wait for each other.

They are spawned, never forked: a fork has the locks of threads that it has not, and CUDA does not
survive it. They get the data set once, work on NumPy arrays, and see no CUDA device.
"""

import os
import pickle
import signal
import sys
import threading
import weakref
from _thread import start_new_thread
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any

from portanet.backends._numpy.blas import numpy_blas
from portanet.data.sending import to_bytes
from portanet.errors import ArgumentError, DataError


class ProcessPool:
    """Processes that have one reader. They end when no loader and no epoch needs them."""

    def __init__(self, reader: Any, n: int, made_for: list[Any]) -> None:
        self.made_for, self.is_broken = made_for, False
        spawn, sent = get_context("spawn"), to_bytes(reader)
        self._pool = ProcessPoolExecutor(n, spawn, initializer=_begin, initargs=(sent,))
        weakref.finalize(self, _shut_down, self._pool).atexit = False  # Python does it itself

    def ask(self, job: Any) -> Any:
        """Do a job in a process. Threads call this: Ctrl-C never leaves their locks taken."""
        _hold_back_interrupts()
        try:
            return self._pool.submit(_work, job).result()
        except BrokenProcessPool as error:
            self.is_broken = True
            raise DataError(
                "DataLoader: a worker process has ended before it gave its batch: it was killed, "
                "ran out of memory, or could not start. A script that uses processes must start "
                "its work below `if __name__ == '__main__':`"
            ) from error


def _shut_down(pool: ProcessPoolExecutor) -> None:
    """Let the processes end. A thread does it: what a finalizer is told by Ctrl-C gets lost."""
    if not sys.is_finalizing():
        start_new_thread(partial(pool.shutdown, wait=False, cancel_futures=True), ())


def _hold_back_interrupts() -> None:
    """Let the processes that this thread starts not see Ctrl-C: this process ends them."""
    if hasattr(signal, "pthread_sigmask"):  # a signal mask is inherited
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


# What follows runs in the processes.

_sent: bytes = b""
_reader: Any = None


def _begin(sent: bytes) -> None:
    """Prepare a process for its work."""
    global _sent
    _sent = sent
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    blas = numpy_blas()
    if blas is not None and blas.set_threads is not None:
        blas.set_threads(1)  # there are as many processes as are wanted


def _end_with_parent() -> None:
    """End this process when its parent has been killed: the pool would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Any) -> Any:
    """Do a job; an error is made one that can be sent."""
    try:
        return _opened()(job)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # noqa: BLE001 - whatever an error's constructor wants
            notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
            raise DataError(f"{type(error).__name__}: {error}{notes}") from error
        raise


def _opened() -> Any:
    """Return the reader that was sent, opened once."""
    global _reader
    if _reader is None:
        try:
            _reader = pickle.loads(_sent)
        except (AttributeError, ImportError) as error:
            raise ArgumentError(
                f"DataLoader: a worker process cannot find what it needs ({error}); define "
                "functions and classes in a module or in a script's file, not in a prompt"
            ) from error
    return _reader
