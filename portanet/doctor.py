"""`portanet doctor`: versions, backends, devices, and commands for what is missing."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from portanet import backends
from portanet._version import __version__
from portanet.backends import Backend
from portanet.backends._cupy.requirements import cuda_version
from portanet.backends._installing import WHERE, install
from portanet.errors import MissingBackendError

_NEEDED = ("numpy", "array-api-compat", "safetensors")
_MODULES = {"strict": "array_api_strict"}  # backends with a module of another name
_EXTRAS = {
    "llvmlite": install("fast"),
    "scikit-learn": install("sklearn"),
    "matplotlib": install("plot"),
    "pandas": install("cli"),
}


def report() -> str:
    """Return what this machine has and lacks, one item per line.

    >>> "numpy" in report()
    True
    """
    missing = backends.missing()
    lines = [f"portanet {__version__} on Python {platform.python_version()}, {platform.platform()}"]
    lines += [f"  {name} {version(name)}" for name in _NEEDED]
    lines += ["", "backends"]
    for name in backends.names():
        error = missing.get(name)
        lines.append(_works(backends.get(name)) if error is None else _lacks(name, error))
    lines += ["", "for speed, the demo, and tables", *map(_extra, _EXTRAS)]
    return "\n".join([*lines, "", f"Run pip commands {WHERE}."])


def facts() -> dict[str, Any]:
    """Return the same as what JSON can hold; an extra package that is missing is None.

    >>> facts()["backends"]["numpy"]["works"]
    True
    """
    missing = backends.missing()
    return {
        "portanet": __version__, "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in _NEEDED},
        "extras": {name: _version_of(name) for name in _EXTRAS},
        "backends": {
            name: _facts_of(backends.get(name)) if name not in missing else {
                "works": False, "missing": missing[name].missing, "message": str(missing[name]),
                "command": missing[name].command or None,
            } for name in backends.names()
        },
    }  # fmt: skip


def _facts_of(backend: Backend) -> dict[str, Any]:
    return {
        "works": True, "version": getattr(_module(backend), "__version__", None),
        "device": _device(backend), "free_memory": backend.free_memory(),
        "dtypes": sorted(map(str, backend.dtypes)),
    }  # fmt: skip


def _module(backend: Backend) -> Any:
    return sys.modules.get(_MODULES.get(backend.name, backend.name))


def _works(backend: Backend) -> str:
    free = backend.free_memory()
    memory = "" if free is None else f", {free / 2**30:.1f} GiB free"
    floats = "float32" + (" and float64" if "float64" in backend.dtypes else " (no float64)")
    return (
        f"  {backend.name:8} works: {getattr(_module(backend), '__version__', 'version unknown')}, "
        f"device {_device(backend)}{memory}, {floats}"
    )


def _device(backend: Backend) -> str:
    if backend.name == "cupy":
        runtime = sys.modules["cupy"].cuda.runtime
        name = runtime.getDeviceProperties(backend.device.id)["name"].decode()
        return (
            f"{backend.device.id} ({name}), CUDA {cuda_version(runtime.runtimeGetVersion())}, "
            f"driver for CUDA {cuda_version(runtime.driverGetVersion())}"
        )
    return str(backend.device)


def _lacks(name: str, error: MissingBackendError) -> str:
    lines = [f"  {name:8} no {error.missing}: {str(error).partition(': ')[2]}"]
    if error.command:
        lines.append(f"  {'':8} -> {error.command}")
    return "\n".join(lines)


def _extra(package: str) -> str:
    found = _version_of(package)
    if found is None:
        return f"  {package} is missing\n  {'':8} -> {_EXTRAS[package]}"
    return f"  {package} {found}"


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
