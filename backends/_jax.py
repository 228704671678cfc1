"""JAX: its arrays are immutable, so it proves that nothing is written in place.

A step as it is written runs eagerly, operation by operation; a compiled one is one call.

JAX has no float64 until it is switched on, and gives float32 in its place with no more than a
warning. Here a wanted float64 is an error that names the switch.
"""

from collections.abc import Callable
from typing import Any

from portanet.backends._standard import StandardBackend
from portanet.errors import ArgumentError, DtypeError, MissingBackendError
from portanet.typing import Array, Dtype

INSTALL = "pip install 'portanet[jax]'"


def make(device: object = None) -> "JaxBackend":
    """Return the backend of JAX's default device, or of a platform: "cpu", "gpu", "tpu"."""
    try:
        import jax
    except ImportError as error:
        raise MissingBackendError(
            f"backend 'jax': the package JAX is not installed; run: {INSTALL}",
            backend="jax", missing="package", command=INSTALL,
        ) from error  # fmt: skip
    if device is None or isinstance(device, str):
        platform, _, index = (device or "").partition(":")
        try:
            device = jax.devices(platform or None)[int(index or 0)]
        except (RuntimeError, ValueError, IndexError) as error:
            raise ArgumentError(
                f"backend 'jax': device must be a platform that this machine has, such as 'cpu' "
                f"or 'gpu:0'; is {device!r} ({error})"
            ) from error
    return JaxBackend(jax, device)


class JaxBackend(StandardBackend):
    """JAX arrays on one device."""

    def __init__(self, jax: Any, device: Any) -> None:
        super().__init__("jax", jax.numpy, device)
        self._jax = jax

    def dtype(self, name: str) -> Dtype:
        """Return JAX's dtype called `name`; 64-bit ones only once JAX has them switched on."""
        if name.endswith("64") and not self._jax.config.jax_enable_x64:
            raise DtypeError(
                f"{self}: wanted arrays of {name}, which JAX gives only after "
                "jax.config.update('jax_enable_x64', True); call that first, or stay with 32 bits"
            )
        return super().dtype(name)

    def index_dtype(self) -> str:
        """Return "int64" once JAX has 64 bits switched on, "int32" before."""
        return "int64" if self._jax.config.jax_enable_x64 else "int32"

    def to_numpy(self, x: Array) -> Any:
        """Return x on the host; NumPy sees the memory of a CPU array read-only."""
        return super().to_numpy(self._jax.block_until_ready(x))

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a pure function as one that XLA compiles, once for the shapes that it meets."""
        return self._jax.jit(function)

    def free_memory(self) -> int | None:
        """Return what the device says it has left, None where it does not count."""
        stats = self.device.memory_stats()
        return stats["bytes_limit"] - stats["bytes_in_use"] if stats else None
