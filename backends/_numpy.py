"""NumPy on the host: the backend that everything else is held to."""

import array_api_compat.numpy as xp

from portanet.backends._standard import StandardBackend
from portanet.errors import ArgumentError


def make(device: object = None) -> StandardBackend:
    """Return the NumPy backend; its one device is "cpu"."""
    if device not in (None, "cpu"):
        raise ArgumentError(f"backend 'numpy': device must be 'cpu', is {device!r}")
    return StandardBackend("numpy", xp, "cpu")
