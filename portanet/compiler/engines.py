"""Which engine replays graphs on which backend."""

from portanet.backends import Backend
from portanet.compiler.engine import Engine
from portanet.compiler.engine_cupy import CupyEngine
from portanet.compiler.engine_jax import JaxEngine
from portanet.compiler.engine_numpy import NumpyEngine


def engine_for(backend: Backend, *, fuse: bool = True, fast: bool | None = None) -> Engine | None:
    """Return the engine of a backend; None where steps are taken as they are written."""
    if backend.name == "numpy":
        return NumpyEngine(backend, fuse, fast)
    if backend.name == "cupy":
        return CupyEngine(backend, fuse)
    if backend.name == "jax" and fuse:  # XLA fuses: bit for bit is the step as it is written
        return JaxEngine(backend)
    return None
