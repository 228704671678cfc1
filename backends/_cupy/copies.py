"""CopyStream: copies from the host that run beside the work of the current stream.

CuPy's own copies of NumPy arrays are made on the current stream, where they wait for the steps
before them, and the next step for them; from pageable memory the host may wait, too. Here arrays
go through pinned buffers and a stream of its own.

CuPy's pools keep memory by stream, and give a block to the next array of that stream when Python
has let go of the last one, though the other stream may still read it. So a copy first waits for all
that the current stream was given so far. That is why copies are begun one step ahead: before the
step that they are to run beside. A pinned buffer is let go of when its copy has run.
"""

import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from portanet.typing import Array

T = TypeVar("T")


class CopyStream:
    """A stream of the current device, and the pinned buffers of copies that are under way."""

    def __init__(self) -> None:
        import cupy as cp

        self._cp: Any = cp
        self._stream = cp.cuda.Stream(non_blocking=True)
        self._under_way: deque[tuple[Any, list[Any]]] = deque()  # events, buffers
        weakref.finalize(self, _wait, self._under_way).atexit = False

    def start(self, copy: Callable[[], T]) -> tuple[T, Any]:
        """Call what makes copies by `copied`; return its result, not there yet, and an event.

        Before the result is used, `wait` must have been called with the event.
        """
        while self._under_way and self._under_way[0][0].done:
            self._under_way.popleft()
        self._stream.wait_event(self._recorded(self._cp.cuda.get_current_stream()))
        self._buffers: list[Any] = []
        with self._stream:
            result = copy()
        event = self._recorded(self._stream)
        self._under_way.append((event, self._buffers))
        return result, event

    def copied(self, x: Array) -> Array:
        """Return a copy of a NumPy array on the device; other arrays as they are."""
        if not isinstance(x, np.ndarray):
            return x
        memory = self._cp.cuda.alloc_pinned_memory(x.nbytes)
        pinned = np.frombuffer(memory, x.dtype, x.size).reshape(x.shape)
        np.copyto(pinned, x)
        self._buffers.append(memory)
        found = self._cp.empty(x.shape, x.dtype)
        found.set(pinned, stream=self._stream)
        return found

    def wait(self, event: Any) -> None:
        """Let the current stream wait for copies; the host does not."""
        self._cp.cuda.get_current_stream().wait_event(event)

    def _recorded(self, stream: Any) -> Any:
        event = self._cp.cuda.Event(disable_timing=True)
        event.record(stream)
        return event


def _wait(under_way: deque[tuple[Any, list[Any]]]) -> None:
    """Wait for copies before their buffers are given back."""
    for event, _ in under_way:
        event.synchronize()
