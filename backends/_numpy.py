"""NumPy on the host: the backend that everything else is held to."""

import array_api_compat.numpy as xp

from portanet.backends._standard import StandardBackend


def make(device: object = None) -> StandardBackend:
    """Return the NumPy backend; its one device is "cpu"."""
    if device not in (None, "cpu"):
        raise ValueError(f"NumPy has the device 'cpu' only, not {device!r}")
    return StandardBackend("numpy", xp, "cpu")
