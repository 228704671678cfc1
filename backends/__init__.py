"""Backends: the array libraries, and their devices, that a network can be on."""

from portanet.backends._protocol import Backend
from portanet.backends._registry import (
    array_namespace,
    available,
    backend_of,
    get,
    missing,
    names,
)
from portanet.backends._standard import StandardBackend

__all__ = [
    "Backend",
    "StandardBackend",
    "array_namespace",
    "available",
    "backend_of",
    "get",
    "missing",
    "names",
]
