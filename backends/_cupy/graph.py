"""A sequence of launches, captured into a CUDA graph if possible.

Launching ten kernels takes the host some 50 µs, longer than they run; a CUDA graph is one launch.
It is launched on the current stream, as CuPy's functions are: so it is ordered after the work that
produces its inputs and before the work that reads its results, without events or synchronization.
Only the capture uses a stream of its own, since the legacy default stream cannot be captured.
"""

import contextlib
import gc
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

from portanet.backends._cupy.blas import Product
from portanet.backends._whole import Call, call_all
from portanet.errors import BackendError


class Replay:
    """Calls that launch work on the current stream, on arrays with fixed addresses.

    `run` makes the calls. After a first run, which compiles and loads kernels, `capture` records
    them into a graph without executing anything. Calls that synchronize, or copy from or to the
    host, cannot be captured. `replay` runs once, then captures and launches the graph; if that is
    not possible it goes on running, and `refused` says why.

    `commit` are the calls that write states, `after` a list of C-level calls that may change
    between launches. All of them are made without interruption (see `call_all`), except in the
    first run, which compiles kernels. `commit` consists of Products and C functions.

    The capture is made on `stream`, if given: on that of a Scratch for calls that allocate from it.
    """

    def __init__(
        self, calls: Sequence[Call], commit: Sequence[Call] = (), after: Sequence[Call] = (),
        stream: Any = None,
    ) -> None:  # fmt: skip
        self._calls, self._commit, self._after = tuple(calls), tuple(commit), after
        self._stream = stream
        # kernels, graph and memory of the last launch may go with this object
        weakref.finalize(self, _wait_for_device).atexit = False
        self._graph: Any = None
        self._warm = False
        self.refused: str | None = None

    @property
    def captured(self) -> bool:
        """Whether `launch` launches a graph."""
        return self._graph is not None

    def run(self) -> None:
        """Make the calls one by one."""
        for call in self._calls:
            call()
        ready = [call.ready() if isinstance(call, Product) else call for call in self._commit]
        returned: list[Any] = []
        call_all(iter([*ready, *self._after]), returned.extend)
        for call, status in zip(self._commit, returned, strict=False):
            if isinstance(call, Product):
                call.check(status)

    def launch(self) -> None:
        """Launch the graph, or make the calls if they are not captured."""
        if self._graph is None:
            self.run()
        else:
            call_all(iter([self._graph.launch, *self._after]))

    def replay(self) -> None:
        """Launch the work; before the second time, try to capture it."""
        if self._warm and self._graph is None and self.refused is None:
            try:
                self.capture()
            except BackendError as error:
                self.refused = str(error)
        self.launch()
        self._warm = True

    def capture(self) -> None:
        """Record the calls into a graph and upload it.

        Raises BackendError if a call cannot be captured; `run` and `launch` work as before.
        """
        import cupy as cp

        stream = self._stream or cp.cuda.Stream(non_blocking=True)
        with stream, _no_garbage_collection():
            try:
                stream.begin_capture()
                for call in (*self._calls, *self._commit):
                    call()
                graph = stream.end_capture()
            except BaseException as error:
                _abandon(stream)
                if not isinstance(error, Exception):  # an interrupt
                    raise
                raise BackendError(f"capture: a call cannot be captured ({error})") from error
            graph.upload()
            self._graph = graph


def _wait_for_device() -> None:
    import cupy as cp

    cp.cuda.runtime.deviceSynchronize()


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Disable garbage collection: freeing device memory synchronizes, which ends a capture."""
    enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if enabled:
            gc.enable()


def _abandon(stream: Any) -> None:
    """End a failed capture; CUDA may report again that it is invalid."""
    import cupy as cp

    with contextlib.suppress(cp.cuda.runtime.CUDARuntimeError):
        stream.end_capture()
