"""NumPy on the host: the backend that everything else is held to."""

import array_api_compat.numpy as xp

from portanet.backends import (
    _numba_kernels_conv,
    _numba_kernels_pool,
    _numpy_kernels_conv,
    _numpy_kernels_erf,
    _numpy_kernels_segments,
)
from portanet.backends._lazy import LazyKernels
from portanet.backends._standard import StandardBackend
from portanet.errors import ArgumentError

# a file of kernels is one entry here: its KERNELS, or the MAKERS of those that import a library
KERNELS = LazyKernels(
    made=_numpy_kernels_conv.KERNELS | _numpy_kernels_segments.KERNELS,
    makers=_numpy_kernels_erf.MAKERS | _numba_kernels_conv.MAKERS | _numba_kernels_pool.MAKERS,
)


def make(device: object = None) -> StandardBackend:
    """Return the NumPy backend; its one device is "cpu"."""
    if device not in (None, "cpu"):
        raise ArgumentError(f"backend 'numpy': device must be 'cpu', is {device!r}")
    return StandardBackend("numpy", xp, "cpu", KERNELS)
