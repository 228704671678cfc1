"""Compilation of CUDA C++ sources by NVRTC, through CuPy."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from portanet.errors import BackendError

# Without --fmad=false the compiler contracts products and sums to fused multiply-adds: a fused
# kernel would differ in the last bit from the kernels that it replaces. The kernels are bound by
# memory bandwidth, so this costs nothing.
OPTIONS = ("--std=c++17", "--fmad=false")
_MOST_SOURCES = 32  # that are kept for the next plan with the same source


def compile_cuda(source: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the kernels called `names` of a CUDA C++ source, on the current device.

    The kernels are `extern "C" __global__` functions; a kernel is called with (grid, block,
    arguments), and is a C function. A source that is asked for again is not compiled again; CuPy
    keeps what it has compiled on disk, too.

    A kernel keeps its module loaded. Modules of kernels that are gone are unloaded, except for the
    last 32; whoever drops a kernel must have waited for its last launch (see Replay).

    Raises BackendError with the compiler's messages if the source does not compile.
    """
    import cupy as cp

    module = _module(source, cp.cuda.runtime.getDevice())
    return {name: _function(module, name) for name in names}


@lru_cache(_MOST_SOURCES)
def _module(source: str, device: int) -> Any:  # noqa: ARG001 (a module belongs to a device)
    """Compile and load a source.

    By the function below cupy.RawModule, which keeps every module for ever. CuPy calls it for all
    its kernels.
    """
    import cupy as cp

    try:
        return cp.cuda.compiler._compile_module_with_cache(source, OPTIONS)
    except cp.cuda.compiler.CompileException as error:
        raise BackendError(f"compile_cuda: {error}\nin the source\n{source}") from error


def _function(module: Any, name: str) -> Any:
    import cupy as cp

    try:
        return module.get_function(name)
    except cp.cuda.driver.CUDADriverError as error:
        raise BackendError(f"compile_cuda: the source has no kernel {name!r} ({error})") from error
