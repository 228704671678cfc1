"""Generated source text made into a compiled function, once a machine: numba (extra `fast`).

The text is written to a folder of its own, under a name that says what it is and what compiles it,
so that numba keeps the machine code beside it and the next process loads it in some milliseconds.
"""

import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

_KEPT: dict[str, Any] = {}  # compiled functions by key: their code lives as long as they do


@cache
def available() -> bool:
    """Say whether numba is there, compiles (NUMBA_DISABLE_JIT may forbid it) and is 0.62 or later.

    Older ones come with an LLVM that ends the process when it meets llvm.maximum on x86.
    """
    try:
        import numba
    except ImportError:
        return False
    disabled = numba.config.DISABLE_JIT  # pyright: ignore
    version = tuple(int(part) for part in re.findall(r"\d+", numba.__version__)[:2])
    return not disabled and version >= (0, 62)


def makers(*kernels: Callable[..., Any]) -> dict[str, Callable[[], Callable[..., Any] | None]]:
    """Return what makes each kernel, by name (see `LazyKernels`): it, or None without numba.

    numba itself is not imported: that takes a fifth of a second, and small work does without.
    """

    def maker(kernel: Callable[..., Any]) -> Callable[[], Callable[..., Any] | None]:
        return lambda: kernel if importlib.util.find_spec("numba") is not None else None

    return {kernel.__name__: maker(kernel) for kernel in kernels}


def compile_source(source: str, name: str, signature: str) -> Callable[..., Any]:
    """Return the function `name` that the module text `source` defines, compiled.

    `signature` is numba's, such as "void(float32[::1], int64)". Sums keep their order; a product
    and a sum may become one instruction that rounds once. The function releases the GIL, takes
    exactly what the signature says, in order, and 0.15 to 0.45 µs for the call. Dividing by zero
    gives inf or NaN; no index is checked.

    Where the folder (see `cache_folder`) cannot be written to, it is compiled for this process.
    """
    key = _key(source, name, signature)
    if key not in _KEPT:
        module, kept = _module(source, f"portanet_{name}_{key}")
        _KEPT[key] = _compiled(getattr(module, name), signature, kept)
    (compiled,) = _KEPT[key].overloads.values()
    return compiled.entry_point


def float_loop(
    file: str, name: str, signature: str, arrays: Sequence[Any], **constants: Any
) -> Callable[..., Any] | None:
    """Return a function of a file beside this one, compiled for arrays of one float dtype.

    Its name stands for {0} in `signature`, and in the file for FLOAT; `constants` are others.
    Returns None for arrays of other or several dtypes, and where numba cannot compile.
    """
    dtypes = {array.dtype.name for array in arrays}
    if len(dtypes) > 1 or not dtypes <= {"float32", "float64"}:
        return None
    (dtype,) = dtypes
    return _of_file(file, name, signature.format(dtype), FLOAT=dtype, **constants)


@cache
def _of_file(file: str, name: str, signature: str, **constants: Any) -> Callable[..., Any] | None:
    """Return a function of a file, compiled. `constants` replace its lines "NAME = …"."""
    if not available():
        return None
    source = Path(__file__).with_name(f"{file}.py").read_text(encoding="utf-8")
    for constant, value in constants.items():
        source, n = re.subn(rf"^{constant} = .*$", f"{constant} = {value!r}", source, flags=re.M)
        assert n == 1, f"{file} has {n} lines {constant} = …"
    return compile_source(source, name, signature)


def has_gemm() -> bool:
    """Say whether generated code can call NumPy's BLAS."""
    from portanet.backends._numba.gemm import gemm

    return gemm("numpy", "float32") is not None


def cache_folder() -> Path | None:
    """Return the folder for compiled code, made if need be, or None where nothing can be written.

    It is $PORTANET_CACHE, or "portanet" in the user's folder for caches: $XDG_CACHE_HOME or
    ~/.cache, ~/Library/Caches on macOS, %LOCALAPPDATA% on Windows.
    """
    folder = Path(os.environ.get("PORTANET_CACHE") or _user_caches() / "portanet")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def _user_caches() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _key(source: str, name: str, signature: str) -> str:
    """Return a hash of all that the machine code depends on."""
    import llvmlite
    import numba
    import numpy as np
    from llvmlite import binding

    what = [source, name, signature, numba.__version__, llvmlite.__version__, np.__version__]
    cpu = [binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()]
    chosen = [os.environ.get(f"NUMBA_CPU_{what}", "") for what in ("NAME", "FEATURES")]
    text = "\n".join([*what, *cpu, *chosen, _own_sources()])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@cache
def _own_sources() -> str:
    """Return the text of the files whose functions end up in the machine code."""
    folder = Path(__file__).parent
    names = ("compiling.py", "math.py", "math_llvm.py", "gemm.py", "vectors.py")
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def _module(source: str, name: str) -> tuple[ModuleType, bool]:
    """Return the text as a module, and whether it lies in a file beside which code can be kept."""
    folder = cache_folder()
    if folder is not None:
        path = folder / f"{name}.py"
        try:
            return _imported(name, _written(path, source)), True
        except OSError:  # the disk is full, or someone else's file is in the way
            pass
    module = sys.modules[name] = ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), module.__dict__)
    return module, False


def _written(path: Path, source: str) -> Path:
    """Write the text at once and whole, unless it is there: other processes may do the same.

    A file with any other text, damaged or somebody else's, is replaced and never run.
    """
    if not (path.is_file() and path.read_bytes() == source.encode()):
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
        ) as file:
            file.write(source)
        os.replace(file.name, path)
    return path


def _imported(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OSError(f"{path} cannot be imported")
    # numba looks modules up by name when it loads what it kept
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _compiled(function: Callable[..., Any], signature: str, kept: bool) -> Any:
    from numba import njit

    from portanet.backends._numba.math import OPTIONS

    return njit(signature, nogil=True, cache=kept, **OPTIONS)(function)
