"""NVRTC, NVIDIA's compiler of CUDA C++, without CuPy and without a GPU.

It compiles a kernel's text for any architecture, and says how many registers and how much memory
each kernel needs: what a device would refuse, or run slowly, shows before there is one.
"""

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from portanet.backends._cupy.compiling import OPTIONS
from portanet.backends._cupy.requirements import INSTALL_12, installed_cupy
from portanet.backends._installing import WHERE, install
from portanet.errors import BackendError, MissingBackendError

# CuPy 14 adds these to a module's options, and "-arch=sm_90" where the device has 9.0.
_CUPYS_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")
_REPORT = "--ptxas-options=-v"
_REGISTERS_OF_BLOCK = 2**16  # of every architecture from 5.0 on
_MOST_THREADS = 1024
_WARP, _UNIT, _SCHEDULERS = 32, 8, 4  # registers are given to a warp in units of 8 per thread


@dataclass(frozen=True)
class Usage:
    """What a kernel needs of a multiprocessor.

    registers  32-bit registers of a thread
    stack      bytes of a thread in local memory: arrays indexed at run time, calls, spills
    spilled    bytes that a thread stores in local memory and loads from it, for want of registers
    shared     bytes of shared memory of a block, known when it is compiled
    """

    registers: int
    stack: int
    spilled: int
    shared: int

    @property
    def most_threads(self) -> int:
        """The largest block for which 65,536 registers suffice, in whole warps of 32 threads.

        Source: CUDA C++ Programming Guide, "Compute Capabilities". A multiprocessor has four
        schedulers, each with a quarter of the registers and of a block's warps.

        >>> Usage(registers=64, stack=0, spilled=0, shared=0).most_threads
        1024
        >>> Usage(registers=65, stack=0, spilled=0, shared=0).most_threads
        896
        """
        of_warp = _WARP * _UNIT * max(1, -(-self.registers // _UNIT))
        warps = _SCHEDULERS * (_REGISTERS_OF_BLOCK // _SCHEDULERS // of_warp)
        return min(_MOST_THREADS, _WARP * warps)


@dataclass(frozen=True)
class Compiled:
    """The result of a compilation: `code` (a cubin, or PTX), and each kernel's needs by its name.

    PTX has no registers yet: there `kernels` is empty.
    """

    code: bytes
    kernels: dict[str, Usage]


def version() -> tuple[int, int]:
    """Return NVRTC's version, (13, 1) for CUDA 13.1. Raises MissingBackendError without NVRTC."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


def compile_text(source: str, architecture: str, options: Sequence[str] = OPTIONS) -> Compiled:
    """Compile CUDA C++ as CuPy compiles a RawModule with these options.

    architecture  "sm_90": machine code (a cubin) for devices of compute capability 9.0;
                  "compute_90": PTX, from which a driver makes code for 9.0 and later

    Raises BackendError with the compiler's messages if the source does not compile, and
    MissingBackendError without NVRTC.
    """
    program = ctypes.c_void_p()
    text = source.encode()
    _call("nvrtcCreateProgram", ctypes.byref(program), text, b"portanet.cu", 0, None, None)
    try:
        log = _compile(program, _with_cupys(options, architecture), source)
        kind = "CUBIN" if architecture.startswith("sm_") else "PTX"
        return Compiled(_read(program, kind), usage(log))
    finally:
        _call("nvrtcDestroyProgram", ctypes.byref(program))


def usage(log: str) -> dict[str, Usage]:
    """Return each kernel's needs from what ptxas prints with -v.

    >>> usage('''ptxas info    : Compiling entry function 'add' for 'sm_90'
    ... ptxas         .     32 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
    ... ptxas info    : Used 16 registers, used 1 barriers, 2048 bytes smem, 372 bytes cmem[0]''')
    {'add': Usage(registers=16, stack=32, spilled=20, shared=2048)}
    """
    found = {}
    for entry in log.split("Compiling entry function '")[1:]:
        stack, stores, loads = (_number(rf"(\d+) bytes {what}", entry) for what in _STACK)
        shared = _number(r"(\d+)(?:\+\d+)? bytes smem", entry, 0)
        registers = _number(r"Used (\d+) registers", entry)
        found[entry.partition("'")[0]] = Usage(registers, stack, stores + loads, shared)
    return found


_STACK = ("stack frame", "spill stores", "spill loads")


def _number(pattern: str, text: str, default: int | None = None) -> int:
    found = re.search(pattern, text)
    if found is None and default is not None:
        return default
    if found is None:
        raise BackendError(f"NVRTC: its report has no {pattern!r}, so it cannot be read:\n{text}")
    return int(found[1])


def _with_cupys(options: Sequence[str], architecture: str) -> list[str]:
    report = [_REPORT] if architecture.startswith("sm_") else []
    return [*options, *_CUPYS_OPTIONS, f"-arch={architecture}", *report]


def _compile(program: ctypes.c_void_p, options: Sequence[str], source: str) -> str:
    """Compile a program; return the log."""
    texts = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    status = _library().nvrtcCompileProgram(program, len(options), texts)
    log = _read(program, "ProgramLog").rstrip(b"\0").decode()
    if status:
        raise BackendError(
            f"NVRTC {'.'.join(map(str, version()))}: {_message(status)} with the options "
            f"{' '.join(options)}\n{log}\nin the source\n{source}"
        )
    return log


def _read(program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    _call(f"nvrtcGet{what}", program, buffer)
    return buffer.raw


def _call(name: str, *arguments: Any) -> None:
    status = getattr(_library(), name)(*arguments)
    if status:
        raise BackendError(f"NVRTC: {name} failed: {_message(status)}")


def _message(status: int) -> str:
    return _library().nvrtcGetErrorString(status).decode()


@cache
def _library() -> Any:
    library = ctypes.CDLL(_path())
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library


def _path() -> str:
    """Return the path of the NVRTC that CuPy would use; both ask NVIDIA's path finder."""
    try:
        from cuda import pathfinder
    except ImportError as error:
        raise _missing("the package cuda-pathfinder is not installed") from error
    try:
        return pathfinder.load_nvidia_dynamic_lib("nvrtc").abs_path
    except pathfinder.DynamicLibNotFoundError as error:
        raise _missing("the library was not found") from error


def _missing(reason: str) -> MissingBackendError:
    of_12 = installed_cupy() == "cupy-cuda12x"  # which would load a newer NVRTC, too
    command = INSTALL_12 if of_12 else install("nvrtc")
    return MissingBackendError(
        f"NVRTC, NVIDIA's compiler: {reason}; {WHERE} run: {command}",
        backend="nvrtc", missing="package", command=command,
    )  # fmt: skip
