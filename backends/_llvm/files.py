"""Kernels that are written in files beside this one, called with arrays of NumPy."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from portanet.backends._llvm import machine
from portanet.backends._numpy.blas import numpy_blas

Loop = Callable[..., None]


def can_compile(arrays: Sequence[np.ndarray]) -> bool:
    """Return whether a loop can be compiled for arrays: of one float dtype, and LLVM is there."""
    dtypes = {array.dtype.name for array in arrays}
    return len(dtypes) < 2 and dtypes <= {"float32", "float64"} and machine.available()


def loop_of(file: str, name: str, arrays: Sequence[np.ndarray], **constants: Any) -> Loop | None:
    """Return a kernel of a file, for arrays of one float dtype; `constants` replace the file's own.

    Its arguments are arrays in C order and integers. Returns None for arrays of other or several
    dtypes, and where LLVM cannot compile.
    """
    if not can_compile(arrays):
        return None
    return _compiled(file, name, arrays[0].dtype.name, **constants)


@cache
def _compiled(file: str, name: str, dtype: str, **constants: Any) -> Loop:
    return _called(machine.kernel(text_of(file, dtype, **constants), name))


@cache
def text_of(file: str, dtype: str, **constants: Any) -> str:
    """Return the text of a file for arrays of a dtype."""
    text = _with_imports(file)
    for names, value in constants.items():
        pattern = rf"^{names.replace('_', ', ')} = .*$"
        text, n = re.subn(pattern, f"{names.replace('_', ', ')} = {value!r}", text, flags=re.M)
        assert n == 1, f"{file} has {n} lines {pattern}"
    blas, kind = numpy_blas(), {"float32": "f4", "float64": "f8"}[dtype]
    text = re.sub(r"\bmultiply\b", f"gemm{64 if blas is None else blas.integer}", text)
    return re.sub(r"\breal\b", kind, text)


def _with_imports(file: str) -> str:
    """Return the text of a file, with those that it imports from in the places of the imports."""
    text = Path(__file__).with_name(f"{file}.py").read_text(encoding="utf-8")
    imports = r"^from portanet\.backends\._llvm\.(loops_\w+) import .*$"
    return re.sub(imports, lambda found: _with_imports(found[1]), text, flags=re.M)


def _called(address: int) -> Loop:
    function = machine.function_of(address)

    def call(*arguments: np.ndarray | int) -> None:
        table = table_of(arguments)  # whose memory must live as long as the call
        function(machine.address_of(table))

    return call


def table_of(arguments: Sequence[np.ndarray | int]) -> np.ndarray:
    """Return the table of a kernel's arguments, arrays in C order and integers."""
    table = [a if isinstance(a, int) else machine.address_of(a) for a in arguments]
    return np.asarray(table, np.int64)


def makers(*kernels: Callable[..., Any]) -> dict[str, Callable[[], Callable[..., Any] | None]]:
    """Return what makes each kernel, by name (see `LazyKernels`): it, or None without llvmlite.

    llvmlite itself is not imported: small work does without.
    """

    def maker(kernel: Callable[..., Any]) -> Callable[[], Callable[..., Any] | None]:
        return lambda: kernel if machine.installed() else None

    return {kernel.__name__: maker(kernel) for kernel in kernels}
