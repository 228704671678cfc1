"""cuBLAS handles: one for each thread and device, destroyed when the thread has ended."""

import threading
import weakref

from portanet.backends._cupy.blas_library import create_handle, destroy_handle

_of_thread = threading.local()  # the stream is state of a handle: threads must not share one


def handle_of_thread(device: int) -> int:
    """Return the handle of this thread for a device, the current one.

    Raises BackendError if cuBLAS cannot create one.
    """
    handles = _of_thread.__dict__.setdefault("handles", {})
    if device not in handles:
        handles[device] = _Handle(device)
    return handles[device].value


class _Handle:
    """A handle that is destroyed with this object, except at exit: then CUDA may be gone."""

    def __init__(self, device: int) -> None:
        self.value = create_handle()
        weakref.finalize(self, _destroy, self.value, device).atexit = False


def _destroy(handle: int, device: int) -> None:
    import cupy as cp

    with cp.cuda.Device(device):
        destroy_handle(handle)
