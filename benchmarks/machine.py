"""What the figures were measured on: processor, versions, BLAS kernels; no names, no paths."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.contenders import NotInstalledError, require

PACKAGES = (
    "portanet", "numpy", "llvmlite", "mkl", "torch", "jax", "scikit-learn", "thinc", "scipy",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """Return the facts that a reader needs to judge the figures."""
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def cpu() -> str:
    """Return the processor's name, with its widest vectors."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    lines = [line.partition(":") for line in info.read_text().splitlines()]
    facts = {key.strip(): value.strip() for key, _, value in lines}
    flags = facts.get("flags", "").split()
    vectors = [name for name in ("avx512f", "avx2") if name in flags]
    family = f"family {facts.get('cpu family')} model {facts.get('model')}"
    return ", ".join([facts.get("model name", platform.machine()), family, *vectors[:1]])


def version(package: str) -> str:
    """Return a package's version, or that it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def blas_kernels() -> list[str]:
    """Return the BLAS libraries loaded in this process, each with the kernels it has chosen."""
    try:
        pools = require("threadpoolctl").threadpool_info()
    except NotInstalledError as error:
        return [str(error)]
    return sorted(
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
        for pool in pools
        if pool["user_api"] == "blas"
    )
