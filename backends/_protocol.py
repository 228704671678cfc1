"""What a backend is: the few things that an array cannot tell about itself."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from portanet.typing import Array, Dtype, Namespace


class Backend(Protocol):
    """One array library on one device.

    Arrays carry their functions (`array_namespace(x)`), so only making arrays, fetching them and
    waiting for them are left. A third party's backend is a callable `factory(device)` that
    returns an object with these members, registered under the entry-point group
    `portanet.backends`.
    """

    name: str
    """The name that `model.to(name)` takes."""
    xp: Namespace
    """The namespace: a module that follows the array API standard."""
    device: Any
    """The device, in the library's own terms; it compares equal to `array.device`."""
    kernels: Mapping[str, Callable[..., Any]]
    """Fast versions of `@accelerable` functions, by their names."""
    dtypes: frozenset[str]
    """The names of the dtypes that the device has."""
    copies_to_host: int
    """How many arrays `to_numpy` has fetched so far."""

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Return x (a NumPy array, or an array of this backend) on this device, cast if asked.

        Raises DtypeError if this device has no such dtype: a library that would quietly give
        float32 for float64 is not let to.
        """
        ...

    def to_numpy(self, x: Array) -> Any:
        """Return x as a NumPy array: the only way from a device to the host, and it is counted."""
        ...

    def synchronize(self) -> None:
        """Wait until the device has done what it was told (for clocks, not for correctness)."""
        ...

    def dtype(self, name: str) -> Dtype:
        """Return the namespace's dtype called `name`. Raises DtypeError if there is none here."""
        ...

    def index_dtype(self) -> str:
        """Return the name of the widest signed integers: "int64", or "int32" where that is all."""
        ...

    def free_memory(self) -> int | None:
        """Return the bytes of device memory left, or None where arrays live in host memory."""
        ...
