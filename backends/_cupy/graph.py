"""A list of launches, run one by one or captured once and replayed by a single launch.

Launching ten kernels costs the host some 50 µs, more than they run; a CUDA graph is launched as
one. It is launched on the caller's current stream, like any of CuPy's functions: so it is ordered
behind what made its inputs and before what reads its results, without events and without waiting.
Only the capture has a stream of its own, since the legacy default stream cannot be captured.
"""

import contextlib
import gc
from collections.abc import Iterator, Sequence
from typing import Any

from portanet.backends._cupy.blas import Product
from portanet.backends._whole import Call, call_all
from portanet.errors import BackendError


class Replay:
    """Calls that launch work on the current stream, on arrays that stay where they are.

    `run` makes the calls. Once it has run (so that kernels are compiled and loaded), `capture`
    records them without executing anything; `launch` is then one graph launch, before it is `run`.
    Calls that wait, or copy from or to the host, cannot be captured. `replay` does what can be
    done: it runs, then captures and launches; `refused` says why if it goes on running.

    `commit` holds the calls that write what lives on: with those of `after`, a list that may change
    from launch to launch, they are made all or none (see `call_all`), once a first run has
    compiled what they launch. They are products, or functions that are written in C.
    """

    def __init__(
        self, calls: Sequence[Call], commit: Sequence[Call] = (), after: Sequence[Call] = ()
    ) -> None:
        self._calls, self._commit, self._after = tuple(calls), tuple(commit), after
        self._graph: Any = None
        self._warm = False
        self.refused: str | None = None

    @property
    def captured(self) -> bool:
        """Whether `launch` launches a graph."""
        return self._graph is not None

    def run(self) -> None:
        """Launch the work piece by piece."""
        for call in self._calls:
            call()
        ready = [call.ready() if isinstance(call, Product) else call for call in self._commit]
        returned: list[Any] = []
        call_all(iter([*ready, *self._after]), returned.extend)
        for call, status in zip(self._commit, returned, strict=False):
            if isinstance(call, Product):
                call.check(status)

    def launch(self) -> None:
        """Launch the work: as one graph if it was captured."""
        if self._graph is None:
            self.run()
        else:
            call_all(iter([self._graph.launch, *self._after]))

    def replay(self) -> None:
        """Launch the work; capture it before the second time, if it can be captured."""
        if self._warm and self._graph is None and self.refused is None:
            try:
                self.capture()
            except BackendError as error:
                self.refused = str(error)
        self.launch()
        self._warm = True

    def capture(self) -> None:
        """Record the calls into a graph and bring it to the device.

        Raises BackendError if a call cannot be captured; `run` and `launch` work as before.
        """
        import cupy as cp

        stream = cp.cuda.Stream(non_blocking=True)
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


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Let no other plan be freed now: that waits for the device, which spoils a capture."""
    enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if enabled:
            gc.enable()


def _abandon(stream: Any) -> None:
    """End a capture that failed: CUDA reports once more that it is invalid, if it is."""
    import cupy as cp

    with contextlib.suppress(cp.cuda.runtime.CUDARuntimeError):
        stream.end_capture()
