"""JAX. Its arrays are immutable, so that it proves that nothing is written in place.

An uncompiled step runs eagerly, operation by operation; a compiled one is one call.

JAX has float64 only once it is switched on, and otherwise returns float32 with a warning. Here a
request for float64 is then an error that names the switch.
"""

from collections.abc import Callable
from typing import Any

from portanet.backends._installing import install
from portanet.backends._standard import StandardBackend, missing_package
from portanet.errors import ArgumentError, DtypeError, short
from portanet.typing import Array, Dtype


def make(device: object = None) -> "JaxBackend":
    """Return the backend of JAX's default device, or of a platform: "cpu", "gpu", "tpu:1"."""
    try:
        import jax
    except ImportError as error:
        raise missing_package("jax", "JAX", install("jax")) from error
    if device is None or isinstance(device, str):
        platform, _, index = (device or "").partition(":")
        try:
            device = jax.devices(platform or None)[int(index or 0)]
        except (RuntimeError, ValueError, IndexError) as error:
            raise ArgumentError(
                f"backend 'jax': device must be a platform that this machine has, such as 'cpu' "
                f"or 'gpu:0'; is {short(device)} ({error})"
            ) from error
    return JaxBackend(jax, device)


class JaxBackend(StandardBackend):
    """JAX arrays on one device."""

    def __init__(self, jax: Any, device: Any) -> None:
        # as one compiled call: eagerly each parameter and each operation would be one
        super().__init__("jax", jax.numpy, device, {"averaged": jax.jit(_averaged)})
        self._jax = jax

    def dtype(self, name: str) -> Dtype:
        """Return JAX's dtype called `name`; 64-bit ones only if they are switched on in JAX."""
        if name.endswith("64") and not self._jax.config.jax_enable_x64:
            raise DtypeError(
                f"{self}: {name} was requested, which JAX has only after "
                "jax.config.update('jax_enable_x64', True); call that first, or stay with 32 bits"
            )
        return super().dtype(name)

    def half_dtype(self, name: str) -> Dtype:
        """Return JAX's float16 or bfloat16."""
        return getattr(self.xp, name)

    def index_dtype(self) -> str:
        """Return "int64" if 64-bit dtypes are switched on in JAX, else "int32"."""
        return "int64" if self._jax.config.jax_enable_x64 else "int32"

    def to_numpy(self, x: Array) -> Any:
        """Return x on the host; of a CPU array a read-only view."""
        return super().to_numpy(self._jax.block_until_ready(x))

    def compile(self, function: Callable[..., Any], *, half: bool = False) -> Callable[..., Any]:
        """Return a pure function compiled by XLA, once for each combination of shapes.

        Of a function in half precision each result is rounded to it, which XLA would leave out
        between operations that it fuses; that takes JAX 0.5.1 or later.
        """
        if not half:
            return self._jax.jit(function)
        return self._jax.jit(function, compiler_options={"xla_allow_excess_precision": False})

    def device_to_pickle(self) -> str:
        """Return the device's platform and number: a device of JAX cannot be pickled."""
        alike = self._jax.devices(self.device.platform)
        return f"{self.device.platform}:{alike.index(self.device)}"

    def free_memory(self) -> int | None:
        """Return the free bytes that the device reports, None if it reports none."""
        stats = self.device.memory_stats()
        return stats["bytes_limit"] - stats["bytes_in_use"] if stats else None


def _averaged(sums: Array, weight: float, *values: Array) -> Array:
    """Update moving averages: the plain definition's operations."""
    import jax.numpy as jnp

    value = jnp.concatenate([array.ravel() for array in values])
    mean, rest = sums
    change = weight * (value - mean) - rest
    new = mean + change
    return jnp.stack([new, (new - mean) - change])
