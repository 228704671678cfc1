"""The engine of each backend. Engines of other backends are not imported."""

from portanet.backends import Backend
from portanet.compiler.engines.base import Engine
from portanet.compiler.engines.numpy.engine import NumpyEngine
from portanet.compiler.options import Fast


def engine_for(
    backend: Backend, *, fuse: bool = True, fast: Fast = None, mkl: bool = False
) -> Engine | None:
    """Return the engine of a backend; None if it runs uncompiled."""
    if backend.name == "numpy":
        return NumpyEngine(backend, fuse, fast, mkl)
    if backend.name == "cupy":
        from portanet.compiler.engines.cuda.engine import CupyEngine

        return CupyEngine(backend, fuse)
    if backend.name == "jax" and fuse:  # XLA fuses: without fusion steps are not compiled
        from portanet.compiler.engines.jax.engine import JaxEngine

        return JaxEngine(backend)
    return None
