"""The proof that a backend works: numbers are sent to its device, added there, and fetched."""

from portanet.backends._protocol import Backend
from portanet.errors import MissingBackendError, one_line


def check_addition(backend: Backend) -> None:
    """Raise MissingBackendError unless arrays can be allocated and added on the device."""
    try:
        x = backend.asarray([1.0, 2.0], "float32")
        total = float(backend.to_numpy(backend.xp.sum(x + x)))
    except Exception as error:  # a device that is out of order may raise anything
        raise _unusable(backend, f"cannot add numbers ({one_line(error)})") from error
    backend.copies_to_host = 0
    if total != 6:
        raise _unusable(backend, f"computes 1 + 2 + 1 + 2 = {total}")


def _unusable(backend: Backend, why: str) -> MissingBackendError:
    command = "nvidia-smi" if backend.name == "cupy" else ""
    look = f"; look at it with {command}" if command else ""
    return MissingBackendError(
        f"{backend} {why}: it cannot be used{look}",
        backend=backend.name, missing="device", command=command,
    )  # fmt: skip
