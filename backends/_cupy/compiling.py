"""Compilation of CUDA C++ sources by NVRTC, through CuPy."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from portanet.errors import BackendError

# Without --fmad=false the compiler contracts products and sums to fused multiply-adds: a fused
# kernel would differ in the last bit from the kernels that it replaces. The kernels are bound by
# memory bandwidth, so this costs nothing.
OPTIONS = ("--std=c++17", "--fmad=false")


def compile_cuda(source: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the kernels called `names` of a CUDA C++ source, on the current device.

    The kernels are `extern "C" __global__` functions; a kernel is called with (grid, block,
    arguments). The same source is compiled once in a process; CuPy keeps it on disk, too.

    Raises BackendError with the compiler's messages if the source does not compile.
    """
    import cupy as cp

    module = _module(source, cp.cuda.runtime.getDevice())
    return {name: _function(module, name) for name in names}


@cache
def _module(source: str, device: int) -> Any:  # noqa: ARG001 (a module belongs to a device)
    import cupy as cp

    module = cp.RawModule(code=source, options=OPTIONS)
    try:
        module.compile()
    except cp.cuda.compiler.CompileException as error:
        raise BackendError(f"compile_cuda: {error}\nin the source\n{source}") from error
    return module


def _function(module: Any, name: str) -> Any:
    import cupy as cp

    try:
        return module.get_function(name)
    except cp.cuda.driver.CUDADriverError as error:
        raise BackendError(f"compile_cuda: the source has no kernel {name!r} ({error})") from error
