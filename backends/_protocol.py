"""Backend: the protocol of backends, with the few things that arrays do not provide."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from portanet.typing import Array, Dtype, Namespace


class Backend(Protocol):
    """One array library on one device.

    Arrays provide their functions (`array_namespace(x)`); a backend makes arrays, copies them to
    the host and waits for them. A third party's backend is a callable `factory(device)` that
    returns an object with these members, registered under the entry-point group
    `portanet.backends`.
    """

    name: str
    """The name that `model.to(name)` takes."""
    xp: Namespace
    """The namespace: a module that follows the array API standard."""
    device: Any
    """The library's own device object; it compares equal to `array.device`."""
    kernels: Mapping[str, Callable[..., Any]]
    """Fast versions of `@accelerable` functions, by name."""
    dtypes: frozenset[str]
    """The names of the dtypes that the device supports."""
    copies_to_host: int
    """The number of arrays that `to_numpy` has copied so far."""

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Return x (a NumPy array, or an array of this backend) on this device, cast if asked.

        Raises DtypeError if this device has no such dtype, also where the library would silently
        return float32 for float64.
        """
        ...

    def to_numpy(self, x: Array) -> Any:
        """Return x as a NumPy array: the only copy from a device to the host, which is counted."""
        ...

    def synchronize(self) -> None:
        """Wait until the device has finished (needed for timing, not for correctness)."""
        ...

    def dtype(self, name: str) -> Dtype:
        """Return the namespace's dtype called `name`. Raises DtypeError if there is none."""
        ...

    def half_dtype(self, name: str) -> Dtype:
        """Return the namespace's dtype for mixed precision, "float16" or "bfloat16".

        Raises DtypeError with the reason where the library has none, or none that is fast.
        """
        ...

    def index_dtype(self) -> str:
        """Return the name of the widest signed integer dtype: "int64", or "int32" without it."""
        ...

    def free_memory(self) -> int | None:
        """Return the free bytes of device memory, or None where arrays are in host memory."""
        ...
