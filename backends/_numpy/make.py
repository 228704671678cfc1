"""NumPy on the host: the backend that everything else is held to."""

import array_api_compat.numpy as xp

from portanet.backends._lazy import LazyKernels
from portanet.backends._llvm import kernels_conv as llvm_conv
from portanet.backends._llvm import kernels_pool as llvm_pool
from portanet.backends._numpy import (
    kernels_conv,
    kernels_erf,
    kernels_mean,
    kernels_pool,
    kernels_segments,
)
from portanet.backends._numpy.freed_memory import keep_freed_memory
from portanet.backends._standard import StandardBackend
from portanet.errors import ArgumentError

# a file of kernels is one entry here: its KERNELS, or the MAKERS of those that import a library
KERNELS = LazyKernels(
    made=kernels_conv.KERNELS
    | kernels_mean.KERNELS
    | kernels_pool.KERNELS
    | kernels_segments.KERNELS,
    makers=kernels_erf.MAKERS | llvm_conv.MAKERS | llvm_pool.MAKERS,
)


def make(device: object = None) -> StandardBackend:
    """Return the NumPy backend; its one device is "cpu"."""
    if device not in (None, "cpu"):
        raise ArgumentError(
            f"backend 'numpy': device must be 'cpu', is {device!r}; a GPU is .to('cupy')"
        )
    keep_freed_memory()
    backend = StandardBackend("numpy", xp, "cpu", KERNELS)
    backend.why_no_half = (
        "NumPy has no fast float16; it would be slower than float32 and less exact. Train in "
        "float32 (precision=None), or move the network first: .to('cupy'), .to('torch'), .to('jax')"
    )
    return backend
