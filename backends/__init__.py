"""Backends: the array libraries that a network can live on, and the devices they drive."""

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
