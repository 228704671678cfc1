"""Which engine replays graphs on which backend; what writes for another is not even imported."""

from portanet.backends import Backend
from portanet.compiler.engines.base import Engine
from portanet.compiler.engines.numpy.engine import NumpyEngine


def engine_for(
    backend: Backend, *, fuse: bool = True, fast: bool | None = None, mkl: bool | None = None
) -> Engine | None:
    """Return the engine of a backend; None where steps are taken as they are written."""
    if backend.name == "numpy":
        return NumpyEngine(backend, fuse, fast, mkl)
    if backend.name == "cupy":
        from portanet.compiler.engines.cuda.engine import CupyEngine

        return CupyEngine(backend, fuse)
    if backend.name == "jax" and fuse:  # XLA fuses: bit for bit is the step as it is written
        from portanet.compiler.engines.jax.engine import JaxEngine

        return JaxEngine(backend)
    return None
