"""Memory layouts of an input: the same numbers, laid out in other ways."""

import numpy as np

from portanet.backends import Backend
from portanet.typing import Array

LAYOUTS = ("contiguous", "fortran", "strided", "reversed", "broadcast")

# What libraries do not have; it is skipped with this reason.
_LACKING = {
    "jax": dict.fromkeys(LAYOUTS[1:], "JAX lays its arrays out by itself"),
    "torch": {"reversed": "PyTorch has no negative strides"},
}


def why_not(backend: Backend, layout: str) -> str | None:
    """Return why a backend cannot lay an array out so, None if it can."""
    return _LACKING.get(backend.name, {}).get(layout)


def values_of(x: np.ndarray, layout: str) -> np.ndarray:
    """Return the numbers that an input has in a layout: broadcast, all samples are the first."""
    return np.repeat(x[:1], len(x), axis=0) if layout == "broadcast" else x


def laid_out(backend: Backend, x: np.ndarray, dtype: str, layout: str) -> Array:
    """Return x on a backend, in a layout.

    >>> from portanet.backends import get
    >>> laid_out(get("numpy"), np.ones((2, 3)), "float32", "reversed").strides
    (-12, 4)
    """
    if layout == "contiguous" or x.ndim == 0 or not x.size:
        return backend.asarray(np.ascontiguousarray(x), dtype)
    if layout == "fortran":
        turned = backend.asarray(np.ascontiguousarray(x.T), dtype)
        return backend.xp.permute_dims(turned, tuple(range(x.ndim))[::-1])
    if layout == "strided":
        return backend.asarray(np.repeat(x, 2, axis=-1), dtype)[..., ::2]
    if layout == "reversed":
        return backend.asarray(np.ascontiguousarray(x[::-1]), dtype)[::-1, ...]
    return backend.xp.broadcast_to(backend.asarray(x[:1], dtype), x.shape)
