"""Machine code of kernels, in memory: LLVM's compiler through llvmlite (extra `fast`).

A kernel is compiled once a process for each text, whatever sizes it is called with. Nothing is kept
on disk.
"""

import ctypes
import logging
import re
import sys
from collections.abc import Collection
from functools import cache
from threading import Lock
from typing import Any

_CODE: dict[tuple[str, str], int] = {}  # addresses of kernels, by text and name
_LOCK = Lock()
_OLDEST = (0, 45)
_LOG = logging.getLogger("portanet")  # to the standard error output, unless told otherwise
_SECONDS = 0.04  # that a kernel takes
_MANY = 1 / _SECONDS


@cache
def installed() -> bool:
    """Return whether llvmlite is installed, in a version that has what is used here.

    Its compiler, llvmlite.binding, is not imported: that takes a tenth of a second. To ask
    importlib.metadata for the version takes a third of that.
    """
    try:
        import llvmlite
    except ImportError:
        return False
    found = re.findall(r"\d+", getattr(llvmlite, "__version__", ""))
    return tuple(map(int, found[:2])) >= _OLDEST


@cache
def available() -> bool:
    """Return whether llvmlite is installed, and has a compiler for this machine."""
    if not installed():
        return False
    try:
        with _LOCK:  # of two machines one would be dropped, with its code
            _machine()
    except (ImportError, AttributeError, OSError, RuntimeError):
        return False
    return True


@cache
def vector_registers() -> tuple[int, int]:
    """Return how many bytes a vector register has here, and how many registers there are."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    if features.get("avx512vl"):
        return 64, 32
    if "avx" in features:
        return (32 if features["avx"] else 16), 16
    return 16, 32


def kernel(text: str, name: str = "kernel") -> int:
    """Return the address of a kernel that a text defines: a function of a table's address.

    The table has 8 bytes for each argument, in order: an int64, a float64 (also for f4), or an
    address. Two more arguments, `first` and `last`, are what an outer loop may go over. Kernels
    hold no lock, check no index, and are kept until the process ends.
    """
    with _LOCK:
        if (text, name) not in _CODE:
            _CODE[text, name] = _machine().compile(text, name)
        return _CODE[text, name]


def announce(texts: Collection[str]) -> None:
    """Say in one line that kernels are compiled now, if that is expected to take over a second."""
    n_new = len([text for text in texts if (text, "kernel") not in _CODE])
    if n_new > _MANY:
        _LOG.warning("portanet: compiling %d kernels, some %.0f seconds", n_new, n_new * _SECONDS)


def function_of(address: int, bounds: bool = False) -> Any:
    """Return a kernel as a function of Python: of its table's address, and of first and last.

    Without `bounds` of the table alone, for kernels that have no use for the others.
    """
    types = [ctypes.c_int64] * 2 if bounds else []
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, *types)(address)


def address_of(array: Any) -> int:
    """Return where an array's numbers begin."""
    return array.__array_interface__["data"][0]


@cache
def _machine() -> "_Machine":
    return _Machine()


class _Machine:
    """LLVM's target machine, its passes, and the engine that holds the code."""

    def __init__(self) -> None:
        from llvmlite import binding

        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        self._binding = binding
        self._target, owned = self._new_target(), self._new_target()
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), owned)
        self._passes = binding.create_pass_builder(self._target, self._tuning())
        for symbol, address in _c_functions().items():
            binding.add_symbol(symbol, address)

    def _new_target(self) -> Any:
        """Return a target machine; an engine frees the one that it is given with itself."""
        binding = self._binding
        features = binding.get_host_cpu_features().flatten()
        return binding.Target.from_default_triple().create_target_machine(
            opt=3, cpu=binding.get_host_cpu_name(), features=features
        )

    def _tuning(self) -> Any:
        # level 3 takes a third more time, and its code is no faster where measured
        tuning = self._binding.create_pipeline_tuning_options(speed_level=2)
        tuning.loop_vectorization = True
        tuning.slp_vectorization = True
        tuning.loop_unrolling = False  # twice the code, and no faster where measured
        return tuning

    def compile(self, text: str, name: str) -> int:
        """Return the address of a kernel's machine code."""
        from portanet.backends._llvm.kernel import module_of

        symbol = f"portanet_{name}_{len(_CODE)}"
        module = module_of(text, name, symbol)
        module.triple = self._binding.get_default_triple()
        module.data_layout = str(self._target.target_data)
        code = self._binding.parse_assembly(str(module))
        self._passes.getModulePassManager().run(code, self._passes)
        self._engine.add_module(code)
        self._engine.finalize_object()
        return self._engine.get_function_address(symbol)


@cache
def _c_functions() -> dict[str, int]:
    """Return the addresses of the C library's functions, by the names that kernels call them."""
    from portanet.backends._llvm.words import C_FUNCTIONS

    library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
    names = [name + end for name in C_FUNCTIONS for end in ("", "f")]
    found = {name: getattr(library, name, None) for name in names}
    return {
        f"portanet_{name}": ctypes.cast(function, ctypes.c_void_p).value or 0
        for name, function in found.items()
        if function is not None
    }
